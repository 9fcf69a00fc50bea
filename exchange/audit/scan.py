"""One pass over a log's records and leaf tiles: what they hash to, and where the two differ.

Memory: 64 bytes per 256 records, and one entry per deviation up to a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from exchange.audit.entries import leaf_of
from exchange.audit.errors import RecordRefused
from exchange.audit.evidence import Evidence, Row
from exchange.audit.merkle import HASH_SIZE, root_of, split_hashes
from exchange.audit.records import indexed_of
from exchange.audit.tiles import WIDTH

Progress = Callable[[int, int], None]
"""(records read, records in all)."""

LIMIT = 65_536
MOST_SHIFT = 16
"""How many insertions or deletions, whose gap was closed, the tail is searched for."""
UNKNOWN = bytes(HASH_SIZE)
"""Stands for a hash that nothing stored tells."""


@dataclass(slots=True)
class Block:
    """256 consecutive records (fewer at the end): what they hash to, and what is claimed.

    The claim is the leaf tile's; where there is none yet, the leaf column's.
    """

    number: int
    actual: list[bytes]
    claimed: list[bytes]
    from_tile: bool
    missing: frozenset[int]

    @property
    def differs(self) -> bool:
        """Whether records and claim disagree anywhere; a missing record counts as claimed."""
        return self.actual != self.claimed


@dataclass(slots=True)
class Scan:
    """What one pass found. `size` is the number of records the log should have.

    `last_leaves` and `next_leaves` are the hashes just before and just after the tail.
    """

    size: int
    actual_roots: list[bytes] = field(default_factory=list)
    claimed_roots: list[bytes] = field(default_factory=list)
    deviating: dict[int, Block] = field(default_factory=dict)
    tail: Block | None = None
    gaps: list[tuple[int, int]] = field(default_factory=list)
    beyond: list[tuple[int, int]] = field(default_factory=list)
    leaf_mismatches: list[int] = field(default_factory=list)
    column_mismatches: list[int] = field(default_factory=list)
    missing_tiles: list[int] = field(default_factory=list)
    unexpected_tiles: list[int] = field(default_factory=list)
    damaged_tiles: list[int] = field(default_factory=list)
    kept: Block | None = None
    deviating_more: list[int] = field(default_factory=list)
    last_leaves: list[bytes] = field(default_factory=list)
    next_leaves: list[bytes] = field(default_factory=list)


def scan(
    evidence: Evidence, size: int, keep_block: int | None = None, progress: Progress | None = None
) -> Scan:
    """Read everything once. `keep_block` is kept whole, for the root of an older tree."""
    found = Scan(size)
    tiles = _Tiles(evidence, found)
    first = 0
    for first, rows in _blocks(evidence, found):
        number = first // WIDTH
        block = _read_block(found, first, rows, tiles.find(number))
        _file(found, block)
        if number == keep_block:
            found.kept = block
        if progress:
            progress(min(first + WIDTH, size), size)
    tiles.finish()
    return found


def _blocks(evidence: Evidence, found: Scan) -> Iterator[tuple[int, list[Row]]]:
    """(first index, rows) of every block of the log; rows outside the log are noted."""
    first, rows = 0, list[Row]()
    for row in evidence.rows():
        if not 0 <= row.index < found.size:
            _extend(found.beyond, row.index)
            if len(found.next_leaves) < MOST_SHIFT and row.index >= 0:
                found.next_leaves.append(leaf_of(row.opening))
            continue
        while row.index >= first + WIDTH:
            yield first, rows
            first, rows = first + WIDTH, []
        rows.append(row)
    while first < found.size:
        yield first, rows
        first, rows = first + WIDTH, []


def _extend(ranges: list[tuple[int, int]], index: int) -> None:
    if ranges and ranges[-1][1] == index - 1:
        ranges[-1] = (ranges[-1][0], index)
    elif len(ranges) < LIMIT:
        ranges.append((index, index))


class _Tiles:
    """The leaf tiles, met in step with the blocks."""

    def __init__(self, evidence: Evidence, found: Scan) -> None:
        self._stream = evidence.leaf_tiles()
        self._found = found
        self._next = next(self._stream, None)

    def find(self, number: int) -> list[bytes] | None:
        """The hashes of one tile, or None where it is missing or of the wrong length."""
        hashes: bytes | None = None
        while self._next is not None and self._next[0] <= number:
            if self._next[0] == number:
                hashes = self._next[1]
            else:
                self._unexpected(self._next[0])
            self._next = next(self._stream, None)
        width = min(WIDTH, self._found.size - number * WIDTH)
        if hashes is None:
            if width == WIDTH:
                self._found.missing_tiles.append(number)
            return None
        if len(hashes) != width * HASH_SIZE:
            self._found.damaged_tiles.append(number)
            return None
        return list(split_hashes(hashes))

    def finish(self) -> None:
        """Note the tiles that lie beyond the last block."""
        while self._next is not None:
            self._unexpected(self._next[0])
            self._next = next(self._stream, None)

    def _unexpected(self, number: int) -> None:
        if len(self._found.unexpected_tiles) < LIMIT:
            self._found.unexpected_tiles.append(number)


def _read_block(found: Scan, first: int, rows: list[Row], tile: list[bytes] | None) -> Block:
    width = min(WIDTH, found.size - first)
    actual = [UNKNOWN] * width
    claimed = tile if tile is not None else [UNKNOWN] * width
    for row in rows:
        at = row.index - first
        hashed = leaf_of(row.opening)
        actual[at] = hashed
        if tile is None:
            claimed[at] = hashed if row.leaf is None else row.leaf
        if row.leaf is not None and row.leaf != hashed:
            _note(found.leaf_mismatches, row.index)
        if row.indexed is not None and not _columns_agree(row):
            _note(found.column_mismatches, row.index)
    missing = frozenset(range(width)).difference(row.index - first for row in rows)
    for at in sorted(missing):
        _extend(found.gaps, first + at)
        actual[at] = claimed[at]
    return Block(first // WIDTH, actual, claimed, tile is not None, missing)


def _note(indices: list[int], index: int) -> None:
    if len(indices) < LIMIT:
        indices.append(index)


def _columns_agree(row: Row) -> bool:
    try:
        return indexed_of(row.body) == row.indexed
    except RecordRefused:
        return False


def _file(found: Scan, block: Block) -> None:
    """Keep of a block what the verdict needs."""
    if len(block.actual) < WIDTH:
        found.tail = block
        return
    actual = root_of(block.actual)
    found.actual_roots.append(actual)
    found.claimed_roots.append(root_of(block.claimed) if block.differs else actual)
    found.last_leaves = block.actual[-MOST_SHIFT:]
    if not block.differs and not block.missing:
        return
    if len(found.deviating) * WIDTH < LIMIT:
        found.deviating[block.number] = block
    else:
        _note(found.deviating_more, block.number)
