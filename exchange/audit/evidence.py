"""Where verify reads a log from: one snapshot of the database, or an exported folder.

Evidence is read as it lies there, damaged or not: nothing here checks anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg2

from exchange.audit.entries import NONCE_SIZE
from exchange.audit.errors import LogUnusable
from exchange.audit.records import Indexed
from exchange.audit.tiles import MAX_BUNDLE, TILE_BYTES, Tile, parse_entries_path, parse_path

RECORDS_FILE = "records.jsonl"
CHECKPOINT_FILE = "checkpoint"
VKEY_FILE = "vkey"
_LINE = re.compile(rb'\{"nonce":"([0-9a-f]{32})","record":(.*)\}\n?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """One record as stored, with its nonce. The rest is None in exports, which lack it."""

    index: int
    nonce: bytes
    body: bytes
    leaf: bytes | None = None
    indexed: Indexed | None = None

    @property
    def opening(self) -> bytes:
        """Nonce ‖ record."""
        return self.nonce + self.body


@dataclass(frozen=True, slots=True)
class StoredHead:
    """The head as stored; an export has only the checkpoint."""

    checkpoint: str
    size: int | None = None
    frontier: bytes | None = None
    root: bytes | None = None


class Evidence(Protocol):
    """A log as it lies there. Every iterator may be used once."""

    def find_head(self) -> StoredHead | None:
        """The head, or None if there is none."""
        ...

    def find_last_index(self) -> int | None:
        """The highest index any record has, or None without records."""
        ...

    def rows(self) -> Iterator[Row]:
        """All records by rising index."""
        ...

    def leaf_tiles(self) -> Iterator[tuple[int, bytes]]:
        """(number, hashes) of the tiles of level 0 by rising number, the partial one last."""
        ...

    def upper_tiles(self) -> Iterator[tuple[int, int, bytes]]:
        """(level, number, hashes) of all other tiles by rising level and number."""
        ...

    def bundles(self) -> Iterator[tuple[Tile, bytes]] | None:
        """The entry bundles by rising number, as their files say; None where none are kept."""
        ...

    def tile_roots(self) -> Iterator[tuple[int, int, bytes]] | None:
        """(level, number, root) of every complete tile's stored root, or None if not kept."""
        ...


def build_line(nonce: bytes, body: bytes) -> bytes:
    """A record's line in an export: JSON whose member `record` is the record's very bytes."""
    return b'{"nonce":"%s","record":%s}\n' % (nonce.hex().encode(), body)


def parse_line(line: bytes) -> tuple[bytes, bytes]:
    """(nonce, record) of a line; one of another form is read as a record nobody logged."""
    match = _LINE.fullmatch(line)
    if match is None:
        return bytes(NONCE_SIZE), line
    return bytes.fromhex(match[1].decode()), match[2]


class DatabaseEvidence:
    """The log in PostgreSQL, read in one REPEATABLE READ snapshot through server-side cursors.

    Takes the connection for itself until `close`; needs no right but SELECT.
    """

    _BATCH = 2_000

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        connection.rollback()
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)

    @classmethod
    def open(cls, database_url: str) -> DatabaseEvidence:
        """Connect to `postgresql://…` (or `postgresql+psycopg2://…`). Raises LogUnusable."""
        try:
            return cls(psycopg2.connect(database_url.replace("+psycopg2", "", 1)))
        except psycopg2.Error:
            # The driver's text repeats the address.
            raise LogUnusable(zh="无法连接数据库", en="the database cannot be reached") from None

    def close(self) -> None:
        """End the snapshot and the connection."""
        self._connection.close()

    def find_head(self) -> StoredHead | None:
        row = self._one("SELECT checkpoint, size, frontier, root FROM audit_head WHERE id = 1")
        return StoredHead(row[0], row[1], bytes(row[2]), bytes(row[3])) if row else None

    def find_last_index(self) -> int | None:
        row = self._one("SELECT max(index) FROM audit_records")
        return row[0] if row else None

    def rows(self) -> Iterator[Row]:
        for index, nonce, body, leaf, kind, recorded_at, subject, *rest in self._stream(
            "rows",
            "SELECT index, nonce, body, leaf, kind, recorded_at, subject, department, system,"
            " operator, case_number, lookup FROM audit_records ORDER BY index",
        ):
            holder = bytes(subject) if subject is not None else None
            indexed = Indexed(kind, recorded_at, holder, *rest)
            yield Row(index, bytes(nonce), bytes(body), bytes(leaf), indexed)

    def leaf_tiles(self) -> Iterator[tuple[int, bytes]]:
        for number, hashes in self._stream(
            "leaf_tiles", "SELECT number, hashes FROM audit_tiles WHERE level = 0 ORDER BY number"
        ):
            yield number, bytes(hashes)

    def upper_tiles(self) -> Iterator[tuple[int, int, bytes]]:
        for level, number, hashes in self._stream(
            "upper_tiles",
            "SELECT level, number, hashes FROM audit_tiles WHERE level > 0 ORDER BY level, number",
        ):
            yield level, number, bytes(hashes)

    def bundles(self) -> Iterator[tuple[Tile, bytes]] | None:
        return None

    def tile_roots(self) -> Iterator[tuple[int, int, bytes]] | None:
        stored = self._stream(
            "tile_roots",
            "SELECT -1 - level, number, hashes FROM audit_tiles"
            " WHERE level < 0 ORDER BY level DESC, number",
        )
        return ((level, number, bytes(root)) for level, number, root in stored)

    def _one(self, query: str) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()

    def _stream(self, name: str, query: str) -> Iterator[Any]:
        with self._connection.cursor(name=name) as cursor:
            cursor.itersize = self._BATCH
            cursor.execute(query)
            yield from cursor


class FolderEvidence:
    """An exported log: one record a line, the signed checkpoint, and the tiles."""

    def __init__(self, folder: Path) -> None:
        if not (folder / RECORDS_FILE).is_file() or not (folder / CHECKPOINT_FILE).is_file():
            raise LogUnusable(
                zh=f"该目录不是导出的日志（缺 {RECORDS_FILE} 或 {CHECKPOINT_FILE}）",
                en=f"this folder is no exported log: {RECORDS_FILE} or {CHECKPOINT_FILE} missing",
            )
        self._folder = folder

    def find_head(self) -> StoredHead | None:
        try:
            return StoredHead((self._folder / CHECKPOINT_FILE).read_bytes().decode())
        except UnicodeDecodeError:
            return StoredHead("")

    def find_last_index(self) -> int | None:
        count = sum(1 for _ in self._lines())
        return count - 1 if count else None

    def rows(self) -> Iterator[Row]:
        for index, line in enumerate(self._lines()):
            yield Row(index, *parse_line(line))

    def _lines(self) -> Iterator[bytes]:
        # No record is as long as this; a longer line is read as several wrong ones.
        with (self._folder / RECORDS_FILE).open("rb") as lines:
            yield from iter(lambda: lines.readline(1 << 20), b"")

    def leaf_tiles(self) -> Iterator[tuple[int, bytes]]:
        for level, number, hashes in self._tiles():
            if level == 0:
                yield number, hashes

    def upper_tiles(self) -> Iterator[tuple[int, int, bytes]]:
        for level, number, hashes in self._tiles():
            if level:
                yield level, number, hashes

    def bundles(self) -> Iterator[tuple[Tile, bytes]] | None:
        return self._read_bundles()

    def tile_roots(self) -> Iterator[tuple[int, int, bytes]] | None:
        return None

    def _read_bundles(self) -> Iterator[tuple[Tile, bytes]]:
        found = []
        for path in (self._folder / "tile" / "entries").rglob("*"):
            if path.is_file():
                tile = parse_entries_path(path.relative_to(self._folder).as_posix())
                found.append((tile.number, tile.width, path, tile))
        for _, _, path, tile in sorted(found, key=lambda each: each[:2]):
            with path.open("rb") as opened:
                yield tile, opened.read(MAX_BUNDLE + 1)

    def _tiles(self) -> Iterator[tuple[int, int, bytes]]:
        found = []
        for level in (self._folder / "tile").iterdir():
            for path in level.rglob("*") if level.name != "entries" else ():
                if path.is_file():
                    tile = parse_path(path.relative_to(self._folder).as_posix())
                    found.append((tile.level, tile.number, tile.width, path))
        for level_, number, width, path in sorted(found):
            # A file longer than any tile is read as damaged, not into memory.
            with path.open("rb") as opened:
                hashes = opened.read(TILE_BYTES + 1)
            yield level_, number, hashes if len(hashes) == 32 * width else b""
