"""What a stranger does with files: `python -m certstore verify` with public documents alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from certstore.base64url import b64url_decode
from exchange.demo import cast
from exchange.demo.playing import Play, expect

LIST: Final = "status-list.jwt"
"""The status list of the licence's issuer as it was fetched last."""
PARTS: Final = ("integrity", "issuer", "status", "validity")
_AT_ONCE: Final = 2
_EXITS: Final = {"valid": 0, "invalid": 1, "unknown": 3}


@dataclass(frozen=True, slots=True)
class Expected:
    """The file of a run, and what one part of its verdict must be: outcome and code."""

    file: str
    part: str
    outcome: str
    code: str


def fetch_status_list(play: Play, credential: str) -> None:
    """Fetch the list that a certificate names, as anybody may."""
    payload = json.loads(b64url_decode(credential.split(".")[1].encode(), field="payload"))
    uri = payload["status"]["status_list"]["uri"]
    play.keep(LIST, play.system(cast.CENTRE_SYSTEM).status_list(uri))


def verify_files(play: Play, wanted: Iterable[Expected]) -> list[Mapping[str, Any]]:
    """What a process of its own says of each file, with the list fetched last.

    Raises:
        StoryFailed: it says something else than is expected.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda each: _verify(play, each), wanted))


def parts_told(found: Mapping[str, Any]) -> str:
    """A verdict, a line for each part."""
    return "\n".join(
        f"{name}: {found[name]['outcome']} — {found[name]['zh']} · {found[name]['en']}"
        for name in PARTS
    )


def _verify(play: Play, wanted: Expected) -> Mapping[str, Any]:
    demo = play.stage.place.demo
    command = [sys.executable, "-m", "certstore", "verify", wanted.file, "--json"]
    command += ["--trust", str(demo / "trust.json"), "--root", str(demo / "root.pem")]
    done = play.program([*command, "--status", LIST])
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode in _EXITS.values() else {}
    said = found.get(wanted.part, {})
    expect(
        done.returncode == _EXITS[wanted.outcome]
        and (said.get("outcome"), said.get("code")) == (wanted.outcome, wanted.code),
        f"{wanted.file} 离线核验应为 {wanted.code}",
        f"verifying {wanted.file} offline should say {wanted.code}",
        done.stdout + done.stderr,
    )
    return found
