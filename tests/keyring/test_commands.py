"""`yici key`, as an operator types it, on an installation of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from exchange.cli import app
from tests.hub import CITY, MARKET, PASSPHRASE, Served

Typed = Callable[..., Result]


@pytest.fixture
def typed(served: Served, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs a command on the served hub's installation."""
    settings = served.hub.settings
    for name, value in {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "PUBLIC_URL": settings.public_url,
        "KEYS_DIR": str(settings.keys_dir),
        "KEYS_PASSPHRASE": PASSPHRASE,
        "HOLDER_KEY": settings.holder_key.get_secret_value(),
        "LOG_ORIGIN": settings.log_origin,
        "OBJECTS_DIR": str(settings.objects_dir),
    }.items():
        monkeypatch.setenv(f"YICI_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()
    return lambda *words, **more: runner.invoke(app, ["key", *words], **more)


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def test_the_life_of_a_departments_key(served: Served, typed: Typed) -> None:
    assert "未登记 unregistered" in done(typed("list"))
    assert "SHA-256" in done(typed("root", "--name", "一次 hub.test"))
    assert "certified: 3" in done(typed("certify"))
    made = re.search(r"made: (\S+)", done(typed("make", MARKET)))
    assert made
    assert served.hub.keys.signer_of(MARKET).kid != made[1]
    done(typed("activate", made[1]))
    assert served.hub.keys.signer_of(MARKET).kid == made[1]
    listed = done(typed("list"))
    assert re.search("已停用 retired", listed)
    assert re.search("使用中 in use", listed)
    since = served.clock.now().isoformat()
    told = done(typed("compromised", made[1], "--since", since, "--reason", "a copy was found"))
    assert f"yici key rotate {MARKET}" in told
    done(typed("rotate", MARKET))
    assert served.hub.keys.signer_of(MARKET).kid != made[1]
    assert "keys cut off: 1" in done(typed("cut-off", CITY, "--reason", "dissolved"))
    done(typed("crl"))
    crl = served.hub.keys.crl()
    assert crl is not None
    assert len(list(crl)) == 2
    assert "已取消信任 cut off" in done(typed("list"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("make", "11440000MB2G07890X"), "尚未登记"),
        (("activate", "nothing"), "yici key list"),
        (("certify",), "yici key root"),
        (("compromised", "x", "--since", "yesterday", "--reason", "x"), "ISO 8601"),
        (("compromised", "x", "--since", "2026-01-01T00:00:00", "--reason", "x"), "ISO 8601"),
        (("root",), "--name"),
        (("install", "no-such-file.pem"), "no-such-file.pem"),
        (("rotate", MARKET, "--pkcs11"), "YICI_PKCS11_MODULE"),
    ],
    ids=["unregistered department", "no such key", "no root", "no time", "no zone", "no name",
         "no file", "no module"],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_both_languages(
    typed: Typed, words: tuple[str, ...], said: str
) -> None:
    result = typed(*words)
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert re.search(r"[一-鿿].* / .*[a-z]{3}", result.output)
    assert PASSPHRASE not in result.output


def test_a_root_elsewhere_is_handled_with_files(
    served: Served, typed: Typed, tmp_path: Path
) -> None:
    away = str(tmp_path / "away")
    secret = {"env": {"YICI_ROOT_PASSPHRASE": "a passphrase of its own"}}
    done(typed("offline", "root", away, "--name", "离线根", **secret))
    # The commands' clock is the machine's, which is not the served hub's.
    register = ("root", "--certificate", f"{away}/root.pem", "--crl", f"{away}/crl.pem")
    done(typed(*register))
    kid = served.hub.keys.signer_of(MARKET).kid
    request, certificate = str(tmp_path / "request.pem"), str(tmp_path / "certificate.pem")
    done(typed("request", kid, "--out", request))
    wanted = ("offline", "certify", away, request, "--hub", "http://hub.test", "--out", certificate)
    assert MARKET in done(typed(*wanted, **secret))
    done(typed("install", certificate))
    assert served.hub.keys.chain_of(MARKET)[1] == served.hub.keys.roots()[0]
    assert "yici key revocations" in done(typed("cut-off", MARKET, "--reason", "dissolved"))
    lines, crl = str(tmp_path / "revocations.json"), str(tmp_path / "crl.pem")
    done(typed("revocations", "--out", lines))
    assert len(json.loads(Path(lines).read_text())["revoked"]) == 1
    done(typed("offline", "crl", away, lines, "--out", crl, **secret))
    done(typed("install", crl))
    published = served.hub.keys.crl()
    assert published is not None
    assert len(list(published)) == 1
    wrong = {"env": {"YICI_ROOT_PASSPHRASE": "another passphrase"}}
    refused = typed("offline", "crl", away, lines, "--out", crl, **wrong)
    assert refused.exit_code == 2
    assert "root.key" in refused.output


@pytest.mark.parametrize("command", ["activate", "request", "retire", "compromised"])
def test_a_kid_that_begins_with_a_hyphen_is_no_option(
    command: str, typed: Typed, tmp_path: Path
) -> None:
    more = {
        "request": ["--out", str(tmp_path / "request.pem")],
        "retire": ["--reason", "old"],
        "compromised": ["--reason", "copied", "--since", "2026-01-01T00:00:00+00:00"],
    }
    told = typed(command, "-kZ_9", *more.get(command, []))
    assert told.exit_code == 2 and "yici key list" in told.output
