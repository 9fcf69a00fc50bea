"""Follows a log that is published as C2SP tlog-tiles: this hub's, another's, anybody's.

Pure but for `Fetch`. Nothing that was fetched counts until it leads to a signed root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exchange.audit.errors import LogUnusable, ProofRefused
from exchange.audit.merkle import (
    HASH_SIZE,
    Frontier,
    Proof,
    append_batch,
    consistency_proof_from,
    leaf_hash,
    root_of,
    split_hashes,
)
from exchange.audit.notes import Checkpoint
from exchange.audit.tiles import HEIGHT, WIDTH, Tile, parse_entries

Fetch = Callable[[str], bytes]
"""A path below the log's prefix (``tile/0/000``) to what is served there. Its errors pass."""


class PublishedTree:
    """The tree of one checkpoint, read from tiles as needed; what was read is kept."""

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self.size = size
        self._tiles: dict[tuple[int, int], Proof] = {}

    def subtree(self, level: int, number: int) -> bytes:
        """The hash of a complete node. Raises LogUnusable if its tile is no tile."""
        tile_level, height = divmod(level, HEIGHT)
        first = number << height
        within = self.tile(tile_level, first >> HEIGHT)
        hashes = within[first % WIDTH : first % WIDTH + (1 << height)]
        if len(hashes) != 1 << height:
            raise _unusable()
        return root_of(hashes)

    def tile(self, level: int, number: int) -> Proof:
        """The hashes of a tile as wide as this tree has it."""
        known = self._tiles.get((level, number))
        if known is None:
            width = min(WIDTH, (self.size >> HEIGHT * level) - number * WIDTH)
            content = self._fetch(Tile(level, number, width).path())
            if len(content) != width * HASH_SIZE:
                raise _unusable()
            known = self._tiles[(level, number)] = split_hashes(content)
        return known

    def frontier(self, size: int) -> Frontier:
        """The frontier of the first `size` entries, as the tiles have it."""
        hashes = []
        first = 0
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1:
                hashes.append(self.subtree(level, first >> level))
                first += 1 << level
        return Frontier(size, tuple(hashes))

    def consistency(self, old: int) -> Proof:
        """The proof that the tree of `old` entries is a prefix of this one (RFC 6962 2.1.2)."""
        return consistency_proof_from(self.subtree, old, self.size)


def follow(
    fetch: Fetch,
    new: Checkpoint,
    old: Checkpoint | None = None,
    *,
    each: Callable[[int, bytes], None] | None = None,
) -> int:
    """Read every entry from `old` (or the beginning) up to `new`; the number of them.

    Both checkpoints are ones whose signatures the caller has checked. `each` gets index and
    entry, none of which counts before this returns.

    Raises ProofRefused if tiles and entries do not lead from the one root to the other,
    LogUnusable if what is served is no tile or no bundle.
    """
    start = old.size if old is not None else 0
    if new.size < start:
        raise ProofRefused(zh="日志变短了", en="the log has become shorter")
    tree = PublishedTree(fetch, new.size)
    frontier = tree.frontier(start)
    if old is not None and frontier.root() != old.root:
        raise _rewritten()
    for first, entries in _bundles(tree, fetch, start):
        if each is not None:
            for index, entry in enumerate(entries, first):
                each(index, entry)
        frontier = append_batch(frontier, [leaf_hash(entry) for entry in entries]).frontier
    if frontier.root() != new.root:
        raise _rewritten()
    return new.size - start


def _bundles(tree: PublishedTree, fetch: Fetch, start: int) -> Iterator[tuple[int, list[bytes]]]:
    """(index of the first, entries) of every bundle from `start` on, held against its tile."""
    for number in range(start // WIDTH, -(-tree.size // WIDTH)):
        width = min(WIDTH, tree.size - number * WIDTH)
        content = fetch(Tile(0, number, width).entries_path())
        entries = parse_entries(content, width)
        if tuple(leaf_hash(entry) for entry in entries) != tree.tile(0, number):
            raise ProofRefused(
                zh=f"第 {number} 个条目包与瓦片不符",
                en=f"entry bundle {number} is not what its tile says",
            )
        skipped = max(start - number * WIDTH, 0)
        yield number * WIDTH + skipped, list(entries[skipped:])


def _rewritten() -> ProofRefused:
    return ProofRefused(
        zh="瓦片与检查点不符：日志不是由旧检查点增长而来",
        en="the tiles do not lead from the one checkpoint to the other",
    )


def _unusable() -> LogUnusable:
    return LogUnusable(zh="所取内容不是瓦片", en="what is served there is no tile")
