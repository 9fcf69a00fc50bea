"""The log as everybody sees it: checkpoint, tiles and entry bundles (C2SP tlog-tiles).

On a raw cursor in a transaction that only reads. What is served here adds up: a tile or bundle
whose rows were changed is refused, never handed out.
"""

from __future__ import annotations

from collections.abc import Callable

from exchange.audit.entries import entry_of
from exchange.audit.errors import LogUnusable, RecordAbsent
from exchange.audit.log import get_head
from exchange.audit.merkle import leaf_hash
from exchange.audit.stored import Cursor, StoredTree, missing
from exchange.audit.tiles import HEIGHT, WIDTH, Tile, build_entries, parse_entries_path, parse_path


def read_tile(cursor: Cursor, path: str) -> tuple[Tile, bytes]:
    """The hashes of the tile at a path such as ``tile/0/000.p/17``.

    Raises RecordAbsent for a path of another form or a tile the log does not have, LogDamaged
    where rows are missing.
    """
    tile = _known(parse_path, path)
    return tile, b"".join(_hashes(cursor, tile))


def read_bundle(cursor: Cursor, path: str) -> tuple[Tile, bytes]:
    """The entry bundle at a path such as ``tile/entries/000``.

    Raises RecordAbsent as `read_tile`, LogDamaged where a record is not the one its leaf stands
    for.
    """
    tile = _known(parse_entries_path, path)
    leaves = _hashes(cursor, tile)
    first = tile.number * WIDTH
    cursor.execute(
        "SELECT nonce, body FROM audit_records WHERE index >= %s AND index < %s ORDER BY index",
        (first, first + tile.width),
    )
    entries = [entry_of(bytes(nonce) + bytes(body)) for nonce, body in cursor]
    if [leaf_hash(entry) for entry in entries] != leaves:
        raise missing(HEIGHT, tile.number)
    return tile, build_entries(entries)


def _known(parse: Callable[[str], Tile], path: str) -> Tile:
    try:
        return parse(path)
    except LogUnusable:
        raise _absent() from None


def _hashes(cursor: Cursor, tile: Tile) -> list[bytes]:
    size = get_head(cursor).size
    if tile.number * WIDTH + tile.width > size >> HEIGHT * tile.level:
        raise _absent()
    hashes = StoredTree(cursor, size).tile(tile.level, tile.number)[: tile.width]
    if len(hashes) != tile.width:
        raise missing(HEIGHT * (tile.level + 1), tile.number)
    return list(hashes)


def _absent() -> RecordAbsent:
    return RecordAbsent(zh="日志中没有该瓦片", en="the log has no such tile")
