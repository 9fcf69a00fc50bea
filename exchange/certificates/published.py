"""The status lists as they are published: built from the changes, signed by the issuer's key.

A process keeps each list it was asked for and adds what changed since. Whether anything changed
it asks the database each time, so a revocation shows in the very next answer of every process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import sqlalchemy as sa

from certstore.keys import Signer
from certstore.status import StatusList, sign_status_list
from exchange.certificates.places import Places
from exchange.certificates.slots import LIST_SIZE
from exchange.certificates.tables import status_changes, status_lists
from exchange.unit_of_work import UnitOfWork

BITS: Final = 2
TTL: Final = timedelta(seconds=60)
"""How long a reader may keep a list, and the oldest that one is handed out."""
COUNTS_FOR: Final = timedelta(hours=24)
_KEPT: Final = 256


class IssuerKeys(Protocol):
    """Where the keys of issuers are found (``exchange.keys.Keyring``)."""

    def issuer(self, department: str) -> Signer:
        """The key that signs for a department."""
        ...


@dataclass(frozen=True, slots=True)
class PublishedList:
    """One signed list: the token, and the last change it shows."""

    token: str
    sequence: int
    issued_at: datetime

    @property
    def etag(self) -> str:
        """A strong entity tag (RFC 9110 §8.8.3)."""
        return f'"{self.sequence}-{int(self.issued_at.timestamp())}"'


@dataclass(slots=True)
class _Kept:
    statuses: StatusList
    sequence: int = 0
    published: PublishedList | None = None


class PublishedLists:
    """The lists of every issuer. Safe to share between threads."""

    def __init__(self, work: UnitOfWork[Any, Any], keys: IssuerKeys, places: Places) -> None:
        self._work = work
        self._keys = keys
        self._places = places
        self._kept: dict[tuple[str, int], _Kept] = {}
        self._lock = threading.Lock()

    def find(self, issuer: str, number: int, now: datetime) -> PublishedList | None:
        """One list as of now, or None where the issuer has no such list."""
        place = (issuer, number)
        with self._lock:
            kept = self._kept.get(place)
            since = kept.sequence if kept else 0
        with self._work.read() as connection:
            if kept is None and not _is_there(connection, issuer, number):
                return None
            changes = _changes(connection, issuer, number, since)
        with self._lock:
            kept = self._kept.setdefault(place, kept or _Kept(StatusList(BITS, LIST_SIZE)))
            _apply(kept, changes)
            published = kept.published
            if (
                published is None
                or published.sequence != kept.sequence
                or not now - TTL < published.issued_at <= now
            ):
                published = kept.published = self._sign(issuer, number, kept, now)
            while len(self._kept) > _KEPT:
                self._kept.pop(next(iter(self._kept)))
        return published

    def find_by_uri(self, uri: str, now: datetime) -> PublishedList | None:
        """The list published at an address, where that is one of this hub's."""
        place = self._places.find_status_list(uri)
        return self.find(*place, now) if place else None

    def _sign(self, issuer: str, number: int, kept: _Kept, now: datetime) -> PublishedList:
        token = sign_status_list(
            kept.statuses,
            uri=self._places.status_list(issuer, number),
            signer=self._keys.issuer(issuer),
            issued_at=now,
            ttl=TTL,
            expires_at=now + COUNTS_FOR,
        )
        return PublishedList(token, kept.sequence, now)


def _is_there(connection: sa.Connection, issuer: str, number: int) -> bool:
    found = connection.execute(
        sa.select(status_lists.c.number).where(
            status_lists.c.issuer == issuer, status_lists.c.number == number
        )
    ).one_or_none()
    return found is not None


def _changes(
    connection: sa.Connection, issuer: str, number: int, since: int
) -> list[tuple[int, int, int]]:
    rows = connection.execute(
        sa.select(status_changes.c.sequence, status_changes.c.index, status_changes.c.value)
        .where(
            status_changes.c.issuer == issuer,
            status_changes.c.number == number,
            status_changes.c.sequence > since,
        )
        .order_by(status_changes.c.sequence)
    )
    return [(sequence, index, value) for sequence, index, value in rows]


def _apply(kept: _Kept, changes: Iterable[tuple[int, int, int]]) -> None:
    for sequence, index, value in changes:
        # Another thread may have brought the list further in the meantime.
        if sequence > kept.sequence:
            kept.statuses.set(index, value)
            kept.sequence = sequence
