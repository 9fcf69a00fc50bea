"""Tiles of 256 hashes (C2SP tlog-tiles): which there are, where they stand, what they hold.

Pure. Tile (level, number) holds the nodes of Merkle level `8 × level` from `number × 256` on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exchange.audit.errors import LogUnusable
from exchange.audit.merkle import HASH_SIZE, root_of, split_hashes

HEIGHT = 8
WIDTH = 1 << HEIGHT
TILE_BYTES = WIDTH * HASH_SIZE
MAX_ENTRY = 65_535
MOST_TILES = 1 << 55
MAX_BUNDLE = WIDTH * (2 + MAX_ENTRY)
_PATH = re.compile(
    r"tile/(0|[1-9][0-9]?|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile; `width` is below 256 for the partial one at the right edge."""

    level: int
    number: int
    width: int = WIDTH

    def path(self) -> str:
        """`tile/<level>/<number>[.p/<width>]`, the number in groups of three digits."""
        return f"tile/{self.level}/{_numbered(self.number, self.width)}"

    def entries_path(self) -> str:
        """`tile/entries/<number>[.p/<width>]` of the records below a tile of level 0."""
        return f"tile/entries/{_numbered(self.number, self.width)}"


def _numbered(number: int, width: int) -> str:
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return "/".join(groups) + (f".p/{width}" if width < WIDTH else "")


def parse_path(path: str) -> Tile:
    """The hash tile of a path. Raises LogUnusable for anything but its one spelling."""
    match = _PATH.fullmatch(path)
    if match and match[1] != "entries":
        tile = Tile(int(match[1]), _number(match[2]), int(match[3] or WIDTH))
        if tile.level < 64 and tile.number < MOST_TILES and tile.path() == path:
            return tile
    raise LogUnusable(zh="不是瓦片路径", en="not the path of a tile")


def parse_entries_path(path: str) -> Tile:
    """The leaf tile over an entry bundle's path. Raises LogUnusable, as `parse_path`."""
    match = _PATH.fullmatch(path)
    if match and match[1] == "entries":
        tile = Tile(0, _number(match[2]), int(match[3] or WIDTH))
        if tile.number < MOST_TILES and tile.entries_path() == path:
            return tile
    raise LogUnusable(zh="不是条目包路径", en="not the path of an entry bundle")


def _number(groups: str) -> int:
    return int(groups.replace("x", "").replace("/", ""))


def completed_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """The tiles that become complete when a log grows, the lower levels first."""
    level = 0
    while new_size >> HEIGHT * (level + 1):
        shift = HEIGHT * (level + 1)
        for number in range(old_size >> shift, new_size >> shift):
            yield Tile(level, number)
        level += 1


def partial_tiles(size: int) -> Iterator[Tile]:
    """The incomplete tile of each level for a log of this size, where there is one."""
    level = 0
    while size >> HEIGHT * level:
        width = (size >> HEIGHT * level) % WIDTH
        if width:
            yield Tile(level, size >> HEIGHT * (level + 1), width)
        level += 1


def tile_root(hashes: bytes) -> bytes:
    """The node a complete tile stands for. Raises ValueError unless it is 8 192 bytes."""
    if len(hashes) != TILE_BYTES:
        raise ValueError("a complete tile has 8 192 bytes")
    return root_of(split_hashes(hashes))


def build_entries(records: Sequence[bytes]) -> bytes:
    """An entry bundle: each record behind its length (big-endian uint16)."""
    return b"".join(len(record).to_bytes(2, "big") + record for record in records)


def parse_entries(bundle: bytes, width: int) -> tuple[bytes, ...]:
    """The `width` records of an entry bundle. Raises LogUnusable."""
    records = []
    at = 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if end > len(bundle) or at + 2 > len(bundle):
            break
        records.append(bundle[at + 2 : end])
        at = end
    if at != len(bundle) or len(records) != width:
        raise LogUnusable(zh="记录包格式有误", en="the entry bundle is malformed")
    return tuple(records)
