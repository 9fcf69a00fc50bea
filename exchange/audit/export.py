"""Writes the log as files that verify accepts without a database.

`checkpoint` and `tile/…` are a whole log as C2SP tlog-tiles lays it out, entry bundles included:
what may be published. `records.jsonl` holds nonce and record i on line i + 1, for those who may
read them. `vkey` names the key, for convenience: trust the one you got elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.audit.entries import entry_of
from exchange.audit.errors import LogUnusable
from exchange.audit.evidence import (
    CHECKPOINT_FILE,
    RECORDS_FILE,
    VKEY_FILE,
    Evidence,
    build_line,
)
from exchange.audit.merkle import leaf_hash, root_of
from exchange.audit.scan import Progress
from exchange.audit.tiles import WIDTH, Tile, build_entries


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    size: int


def export(
    evidence: Evidence, folder: Path, vkey: str, *, progress: Progress | None = None
) -> Exported:
    """Write the log to a folder that does not exist yet or is empty.

    Raises LogUnusable if the folder is in use, if there is no head, or if a record cannot stand
    on one line, is missing or is not the one its leaf stands for: such a log is for verify, not
    for export.
    """
    if folder.exists() and any(folder.iterdir()):
        raise LogUnusable(zh="目标目录不为空", en="the folder is not empty")
    head = evidence.find_head()
    if head is None or head.size is None:
        raise LogUnusable(zh="日志尚无记录", en="the log is still empty")
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[bytes] = []
    roots: list[bytes] = []
    with (folder / RECORDS_FILE).open("wb") as lines:
        expected = 0
        for row in evidence.rows():
            if row.index >= head.size:
                break
            entry = entry_of(row.opening)
            if row.index != expected or b"\n" in row.body or row.leaf != leaf_hash(entry):
                raise _not_whole(expected)
            lines.write(build_line(row.nonce, row.body))
            entries.append(entry)
            expected += 1
            if len(entries) == WIDTH:
                roots.append(_write_leaves(folder, len(roots), entries))
                entries = []
                if progress:
                    progress(expected, head.size)
    if expected != head.size:
        raise _not_whole(expected)
    if entries:
        _write_leaves(folder, len(roots), entries)
    _write_upper(folder, roots)
    (folder / VKEY_FILE).write_text(vkey + "\n", encoding="utf-8")
    # Last: a folder without its checkpoint is an export that was cut short.
    (folder / CHECKPOINT_FILE).write_bytes(head.checkpoint.encode())
    return Exported(folder, head.size)


def _write_leaves(folder: Path, number: int, entries: Sequence[bytes]) -> bytes:
    path = folder / Tile(0, number, len(entries)).entries_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build_entries(entries))
    return _write_tile(folder, 0, number, [leaf_hash(entry) for entry in entries])


def _write_upper(folder: Path, roots: Sequence[bytes]) -> None:
    nodes = list(roots)
    level = 1
    while nodes:
        above = []
        for first in range(0, len(nodes), WIDTH):
            within = nodes[first : first + WIDTH]
            root = _write_tile(folder, level, first // WIDTH, within)
            if len(within) == WIDTH:
                above.append(root)
        nodes = above
        level += 1


def _write_tile(folder: Path, level: int, number: int, hashes: Sequence[bytes]) -> bytes:
    path = folder / Tile(level, number, len(hashes)).path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(hashes))
    return root_of(hashes)


def _not_whole(index: int) -> LogUnusable:
    return LogUnusable(
        zh=f"第 {index} 条记录缺失或损坏，请先运行 yici audit verify",
        en=f"record {index} is missing or damaged: run yici audit verify first",
    )
