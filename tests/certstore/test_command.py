"""`python -m certstore verify`: what it prints, and its four exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certstore.__main__ import main
from certstore.keys import Es256Signer
from tests.certstore.conftest import status_token

AT = "2026-03-01T12:00:00+08:00"


@pytest.fixture
def folder(
    tmp_path: Path, certificate: str, trust_document: dict[str, Any], hub_signer: Es256Signer
) -> Path:
    (tmp_path / "licence.sdjwt").write_text(certificate + "\n")
    (tmp_path / "trust.json").write_text(json.dumps(trust_document))
    (tmp_path / "status.jwt").write_text(status_token(hub_signer, {}) + "\n")
    (tmp_path / "revoked.jwt").write_text(status_token(hub_signer, {7: 1}))
    return tmp_path


def run(folder: Path, *more: str, file: str = "licence.sdjwt", trust: str = "trust.json") -> int:
    return main(["verify", str(folder / file), "--trust", str(folder / trust), "--at", AT, *more])


def test_a_sound_certificate_ends_with_0_and_speaks_both_languages(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--status", str(folder / "status.jwt")) == 0
    told = capsys.readouterr().out
    for text in (
        "完整性 integrity: 有效 valid",
        "营业执照 · Business licence",
        "2026-03-01T16:00:00Z",
        "2026-02-28T00:00:00Z",
        "广州市花都区花东镇阳升村",
    ):
        assert text in told


def test_a_revoked_certificate_ends_with_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--json", "--status", str(folder / "revoked.jwt")) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["status"]["code"] == "status-invalid"
    assert told["integrity"]["outcome"] == "valid"


def test_a_certificate_without_status_evidence_ends_with_3(folder: Path) -> None:
    assert run(folder) == 3


def test_an_altered_certificate_ends_with_1(folder: Path, certificate: str) -> None:
    (folder / "altered.sdjwt").write_text(certificate[:-10])
    assert run(folder, file="altered.sdjwt") == 1


@pytest.mark.parametrize(
    ("file", "trust", "status"),
    [
        ("missing.sdjwt", "trust.json", "status.jwt"),
        ("licence.sdjwt", "missing.json", "status.jwt"),
        ("licence.sdjwt", "licence.sdjwt", "status.jwt"),
        ("licence.sdjwt", "trust.json", "missing.jwt"),
        ("licence.sdjwt", "trust.json", "trust.json"),
        ("trust.json", "trust.json", "status.jwt"),
        ("status.jwt", "trust.json", "status.jwt"),
    ],
)
def test_unusable_input_ends_with_2(folder: Path, file: str, trust: str, status: str) -> None:
    assert run(folder, "--status", str(folder / status), file=file, trust=trust) == 2


def test_a_moment_without_a_time_zone_is_unusable(folder: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        run(folder, "--at", "2026-03-01T12:00:00")
    assert caught.value.code == 2


def test_the_command_runs_as_a_module(folder: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "certstore",
            "verify",
            str(folder / "licence.sdjwt"),
            "--trust",
            str(folder / "trust.json"),
            "--status",
            str(folder / "status.jwt"),
            "--at",
            AT,
        ],
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert "颁发机构 issuer: 有效 valid" in done.stdout
