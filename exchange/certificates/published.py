"""The status lists as they are published: built from the changes, signed by the issuer's key.

A process keeps each list it was asked for and adds what changed since. Whether anything changed
it asks the database each time, so a revocation shows in the very next answer of every process.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import sqlalchemy as sa

from certstore.keys import Signer
from certstore.status import StatusList, sign_status_list
from exchange.certificates.places import Places
from exchange.certificates.slots import LIST_SIZE
from exchange.certificates.tables import status_changes, status_lists

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
    sequence: int
    published: PublishedList | None = None


class PublishedLists:
    """The lists of every issuer. Safe to share between threads."""

    def __init__(self, keys: IssuerKeys, places: Places) -> None:
        self._keys = keys
        self._places = places
        self._kept: dict[tuple[str, int], _Kept] = {}
        self._lock = threading.Lock()

    def find(
        self, connection: sa.Connection, issuer: str, number: int, now: datetime
    ) -> PublishedList | None:
        """One list as of now, or None where the issuer has no such list."""
        last = connection.execute(
            sa.select(
                sa.select(sa.func.coalesce(sa.func.max(status_changes.c.sequence), 0))
                .where(status_changes.c.issuer == issuer, status_changes.c.number == number)
                .scalar_subquery()
            ).where(
                sa.exists().where(status_lists.c.issuer == issuer, status_lists.c.number == number)
            )
        ).scalar_one_or_none()
        if last is None:
            return None
        with self._lock:
            kept = self._kept.get((issuer, number))
            if kept is None:
                if len(self._kept) >= _KEPT:
                    self._kept.pop(next(iter(self._kept)))
                kept = self._kept[issuer, number] = _Kept(StatusList(BITS, LIST_SIZE), 0)
            if kept.sequence < last:
                self._catch_up(connection, issuer, number, kept)
            published = kept.published
            if (
                published is None
                or published.sequence != kept.sequence
                or not now - TTL < published.issued_at <= now
            ):
                published = kept.published = self._sign(issuer, number, kept, now)
            return published

    def _catch_up(self, connection: sa.Connection, issuer: str, number: int, kept: _Kept) -> None:
        changes = connection.execute(
            sa.select(status_changes.c.sequence, status_changes.c.index, status_changes.c.value)
            .where(
                status_changes.c.issuer == issuer,
                status_changes.c.number == number,
                status_changes.c.sequence > kept.sequence,
            )
            .order_by(status_changes.c.sequence)
        )
        for sequence, index, value in changes:
            kept.statuses.set(index, value)
            kept.sequence = sequence

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
