"""A first pass over a handed-over file: how many rows it has, and which it states twice.

Without it a row that stands twice would count differently after a killed worker came back.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import BinaryIO, Final

from certstore.objects import ObjectStore
from exchange.bulk.rows import Row

KeyOf = Callable[[Row], str | None]
_BUFFER: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Survey:
    """``rows`` of the file; ``first`` maps what is stated more than once to the first row that
    states it and that row's content."""

    rows: int
    first: Mapping[int, tuple[int, bytes]]
    _key_of: KeyOf

    def earlier(self, row: Row) -> tuple[int, bytes] | None:
        """The first of the rows that state what this one states; None where it is the first."""
        if not self.first:
            return None
        key = self._key_of(row)
        found = self.first.get(_hashed(key)) if key is not None else None
        return found if found is not None and found[0] != row.number else None


def survey(rows: Callable[[], Iterator[Row]], key_of: KeyOf) -> Survey:
    """Go over the rows once, and once more where any stands twice.

    ``key_of`` gives what a row is about, None where nothing can be said. Eight bytes a row are
    kept.
    """
    keys, count = array("Q"), 0
    for row in rows():
        count += 1
        key = key_of(row)
        if key is not None:
            keys.append(_hashed(key))
    twice = _repeated(keys)
    first: dict[int, tuple[int, bytes]] = {}
    if twice:
        for row in rows():
            key = key_of(row)
            hashed = _hashed(key) if key is not None else None
            if hashed in twice and hashed is not None and hashed not in first:
                first[hashed] = (row.number, content_of(row))
    return Survey(count, first, key_of)


def content_of(row: Row) -> bytes:
    """16 bytes that two rows have in common where they say the same."""
    return hashlib.blake2b(repr(sorted(row.values.items())).encode(), digest_size=16).digest()


@contextmanager
def at_hand(objects: ObjectStore, sha256: str) -> Iterator[BinaryIO]:
    """An object as a file that can be read from any place; whole and with this hash.

    Raises certstore's ObjectError.
    """
    with TemporaryFile(prefix="yici-bulk-", buffering=_BUFFER) as file:
        for piece in objects.stream(sha256):
            file.write(piece)
        file.flush()
        yield file  # type: ignore[misc]  # a temporary file is a BinaryIO in all but name


def _hashed(key: str) -> int:
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _repeated(keys: array[int]) -> set[int]:
    found = set[int]()
    # An eighth at a time: sorted, each number is an object of its own, six times as large.
    for part in range(8):
        previous = -1
        for key in sorted(key for key in keys if key >> 61 == part):
            if key == previous:
                found.add(key)
            previous = key
    return found
