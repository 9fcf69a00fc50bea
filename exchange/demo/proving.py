"""Act h: the whole log is proven, and on a copy every kind of tampering is found and named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.audit.evidence import RECORDS_FILE
from exchange.demo.playing import Play, expect

LOG: Final = "log"
_AT_ONCE: Final = 2
Lines = list[bytes]


@dataclass(frozen=True, slots=True)
class Tampering:
    """Something done to a copy of the log, and how it must be named."""

    zh: str
    en: str
    do: Callable[[Lines, int], None]
    code: str


def _alter(lines: Lines, at: int) -> None:
    # The least that can be done: one bit of one character.
    record = bytearray(lines[at])
    record[len(record) // 2] ^= 1
    lines[at] = bytes(record)


def _delete(lines: Lines, at: int) -> None:
    del lines[at]


def _swap(lines: Lines, at: int) -> None:
    lines[at], lines[at + 1] = lines[at + 1], lines[at]


_TAMPERINGS: Final = (
    Tampering("改动一条", "one altered", _alter, "altered"),
    Tampering("删除一条", "one deleted", _delete, "deleted"),
    Tampering("调换两条", "two reordered", _swap, "reordered"),
)


def prove_log(play: Play) -> None:
    """Prove the log in the database, export it, tamper with copies of the export."""
    stage = play.stage
    surroundings = stage.child_environment()
    play.folder.mkdir(parents=True, exist_ok=True)
    live = play.program(stage.command("audit", "verify"), environment=surroundings)
    expect(
        live.returncode == 0,
        "日志整体核验通过",
        "the whole log is proven",
        live.stderr + live.stdout,
    )
    play.tell.done("yici audit verify：整个日志核验通过", "yici audit verify proves the whole log")
    play.tell.quote(live.stdout)
    original = play.folder / LOG
    exported = play.program(
        stage.command("audit", "export", str(original)), environment=surroundings
    )
    expect(exported.returncode == 0, "日志已导出", "the log is exported", exported.stderr)
    play.tell.told(
        "以下只在导出的副本上改动，不碰真正的日志",
        "what follows is done to copies of the export, never to the log itself",
    )
    lines = (original / RECORDS_FILE).read_bytes().splitlines(keepends=True)
    at = len(lines) // 2
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        whole = pool.submit(_verify, play, original, None)
        named = pool.map(lambda each: _tampered(play, original, lines, each, at), _TAMPERINGS)
        whole.result()
        for tampering, found in zip(_TAMPERINGS, named, strict=True):
            play.tell.refused(
                f"{tampering.zh}（第 {at} 条）：{found}", f"{tampering.en} (record {at})"
            )


def _tampered(play: Play, original: Path, lines: Lines, tampering: Tampering, at: int) -> str:
    """Tamper with a copy of the export; how it is named when the copy is verified."""
    copy = play.folder / f"{LOG}-{tampering.code}"
    shutil.copytree(original, copy)
    changed = list(lines)
    tampering.do(changed, at)
    (copy / RECORDS_FILE).write_bytes(b"".join(changed))
    return _verify(play, copy, (tampering.code, at))


def _verify(play: Play, folder: Path, wanted: tuple[str, int] | None) -> str:
    """Verify an export with the trusted key; the line that names the tampering."""
    key = str(play.trust["log"]["key"])
    done = play.program(
        play.stage.command("audit", "verify", "--folder", str(folder), "--vkey", key)
    )
    if wanted is None:
        expect(done.returncode == 0, "副本完好", "the copy is whole", done.stdout + done.stderr)
        return ""
    code, at = wanted
    found = [
        line.strip()
        for line in done.stdout.splitlines()
        if f"[{code}]" in line and f" {at} " in f"{line} "
    ]
    expect(
        done.returncode == 1 and bool(found),
        f"{code}（第 {at} 条）应被发现并指明",
        f"{code} (record {at}) should be found and named",
        done.stdout + done.stderr,
    )
    return found[0].removeprefix("✗ ")
