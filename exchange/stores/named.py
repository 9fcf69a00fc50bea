"""Which rows name objects. A room says it of each table of its own; the check asks them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import groupby
from typing import Any, Final, Protocol

import sqlalchemy as sa

from exchange.unit_of_work import UnitOfWork

PAGE: Final = 50_000
"""Without an index on the name each page costs a pass over the table, so there are few."""


@dataclass(frozen=True, slots=True)
class Named:
    """An object as rows name it: ``sizes`` are all the sizes in bytes they state, in order,
    ``retain_until`` the latest day any of them wants it kept to, ``tables`` where they stand."""

    sha256: str
    sizes: tuple[int, ...]
    media_type: str
    retain_until: datetime | None
    tables: tuple[str, ...]


class NamesObjects(Protocol):
    """A table, or whatever else names objects, one entry per object in the order of names."""

    def page(self, connection: sa.Connection, after: str, limit: int) -> list[Named]:
        """At most ``limit`` objects whose names come after one."""
        ...

    def names_among(self, connection: sa.Connection, names: Sequence[str]) -> set[str]:
        """Those of ``names`` that are named here."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectColumns:
    """The columns of a table in which its rows name objects; ``retain_until`` where these are
    locked in the store."""

    sha256: sa.Column[str]
    size: sa.Column[int]
    media_type: sa.Column[str] | None = None
    retain_until: sa.ColumnElement[datetime] | None = None

    def page(self, connection: sa.Connection, after: str, limit: int) -> list[Named]:
        # Names are compared byte by byte as every store lists them, whatever the collation.
        name = self.sha256.collate("C")
        media_type: sa.ColumnElement[Any] = (
            sa.null() if self.media_type is None else sa.func.min(self.media_type)
        )
        until: sa.ColumnElement[Any] = (
            sa.null() if self.retain_until is None else sa.func.max(self.retain_until)
        )
        rows = connection.execute(
            sa.select(
                self.sha256,
                sa.func.min(self.size),
                sa.func.max(self.size),
                media_type,
                until,
            )
            .where(name > after)
            .group_by(self.sha256)
            .order_by(name)
            .limit(limit)
        )
        table = (self.sha256.table.name,)
        return [
            Named(
                sha256,
                (least,) if least == most else (least, most),
                kind or "application/octet-stream",
                end,
                table,
            )
            for sha256, least, most, kind, end in rows
        ]

    def names_among(self, connection: sa.Connection, names: Sequence[str]) -> set[str]:
        found = connection.execute(
            sa.select(self.sha256).where(self.sha256 == sa.any_(sa.literal(list(names), _TEXTS)))
        )
        return set(found.scalars())


_TEXTS: Final = sa.ARRAY(sa.Text)


def named_objects(
    work: UnitOfWork[Any, Any], sources: Sequence[NamesObjects], *, after: str, page: int = PAGE
) -> Iterator[Named]:
    """Every object that any row names, each once, in the order of names. A page at a time, each
    in a short transaction of its own: memory stays flat and no lock is held meanwhile."""
    streams = [_pages(work, source, after, page) for source in sources]
    together = merge(*streams, key=lambda named: named.sha256)
    for _, same in groupby(together, key=lambda named: named.sha256):
        yield _joined(list(same))


def named_anywhere(
    work: UnitOfWork[Any, Any], sources: Sequence[NamesObjects], names: Sequence[str]
) -> set[str]:
    """Those of ``names`` that any row names at this moment."""
    if not names:
        return set()
    with work.read() as connection:
        return set().union(*(source.names_among(connection, names) for source in sources))


def _pages(
    work: UnitOfWork[Any, Any], source: NamesObjects, after: str, page: int
) -> Iterator[Named]:
    while True:
        with work.read() as connection:
            found = source.page(connection, after, page)
        yield from found
        if len(found) < page:
            return
        after = found[-1].sha256


def _joined(same: list[Named]) -> Named:
    if len(same) == 1:
        return same[0]
    return Named(
        sha256=same[0].sha256,
        sizes=tuple(sorted({size for each in same for size in each.sizes})),
        media_type=same[0].media_type,
        retain_until=max(
            (each.retain_until for each in same if each.retain_until is not None), default=None
        ),
        tables=tuple(sorted({table for each in same for table in each.tables})),
    )
