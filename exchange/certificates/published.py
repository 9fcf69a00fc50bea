"""The status lists as they are published: built from the changes, signed by the issuer's key.

A process keeps each list it was asked for and adds what changed since. Whether anything changed
it asks the database each time, so a revocation shows in the very next answer of every process. A
change that is planned shows from its moment on; no token counts beyond the next one.

What was published is kept, so that a list can be had as it stood at an earlier time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from certstore.keys import Signer
from certstore.status import StatusList, sign_status_list
from exchange.certificates.places import Places
from exchange.certificates.slots import LIST_SIZE
from exchange.certificates.tables import published_lists, status_changes, status_lists
from exchange.unit_of_work import UnitOfWork

BITS: Final = 2
TTL: Final = timedelta(seconds=60)
"""How long a reader may keep a list, and the oldest that one is handed out."""
COUNTS_FOR: Final = timedelta(hours=24)
KEPT_EVERY: Final = timedelta(hours=12)
"""How often a list that does not change is kept, so that a kept token counts at any time."""
_KEPT: Final = 256


class IssuerKeys(Protocol):
    """Where the keys of lists are found (``exchange.keyring.service.Keyring``)."""

    def lister(self, department: str) -> Signer:
        """The key that signs a department's lists now."""
        ...


@dataclass(frozen=True, slots=True)
class PublishedList:
    """One signed list: the token, the last change it shows, and until when it counts."""

    token: str
    sequence: int
    issued_at: datetime
    expires_at: datetime

    @property
    def etag(self) -> str:
        """A strong entity tag (RFC 9110 §8.8.3)."""
        return f'"{self.sequence}-{int(self.issued_at.timestamp())}"'

    def fresh_for(self, now: datetime) -> timedelta:
        """How long a reader may go on using it unasked."""
        return max(min(TTL, self.expires_at - now), timedelta(0))


@dataclass(frozen=True, slots=True)
class _Change:
    sequence: int
    index: int
    value: int
    moment: datetime
    planned: bool


@dataclass(slots=True)
class _Kept:
    """``planned`` are changes that are still to come, the next one first."""

    statuses: StatusList
    sequence: int = 0
    planned: list[_Change] = field(default_factory=list)
    published: PublishedList | None = None
    kid: str = ""
    stored: PublishedList | None = None


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
        signer = self._keys.lister(issuer)
        with self._lock:
            kept = self._kept.setdefault(place, kept or _Kept(StatusList(BITS, LIST_SIZE)))
            changed = _bring_up(kept, changes, now)
            published = kept.published
            if (
                published is None
                or changed
                or kept.kid != signer.kid
                or published.sequence != kept.sequence
                or not now - TTL < published.issued_at <= now
            ):
                published = kept.published = self._sign(issuer, number, kept, signer, now)
                kept.kid = signer.kid
            while len(self._kept) > _KEPT:
                self._kept.pop(next(iter(self._kept)))
            stored = kept.stored
        if stored is None or changed or _is_due(stored, published):
            # Kept before it leaves: what anybody was given can be shown again.
            self._store(issuer, number, published)
            with self._lock:
                kept.stored = published
        return published

    def find_by_uri(self, uri: str, now: datetime) -> PublishedList | None:
        """The list published at an address, where that is one of this hub's."""
        place = self._places.find_status_list(uri)
        return self.find(*place, now) if place else None

    def find_at(self, issuer: str, number: int, at: datetime) -> PublishedList | None:
        """The list as it was published at an earlier time; None where none is kept of then."""
        p = published_lists.c
        with self._work.read() as connection:
            row = connection.execute(
                sa.select(published_lists)
                .where(p.issuer == issuer, p.number == number, p.issued_at <= at)
                .order_by(p.issued_at.desc(), p.sequence.desc())
                .limit(1)
            ).one_or_none()
        if row is None or row.expires_at <= at:
            return None
        return PublishedList(row.token, row.sequence, row.issued_at, row.expires_at)

    def _sign(
        self, issuer: str, number: int, kept: _Kept, signer: Signer, now: datetime
    ) -> PublishedList:
        expires = now + COUNTS_FOR
        if kept.planned:
            expires = min(expires, kept.planned[0].moment)
        token = sign_status_list(
            kept.statuses,
            uri=self._places.status_list(issuer, number),
            signer=signer,
            issued_at=now,
            ttl=max(min(TTL, expires - now), timedelta(seconds=1)),
            expires_at=expires,
        )
        return PublishedList(token, kept.sequence, now, expires)

    def _store(self, issuer: str, number: int, published: PublishedList) -> None:
        with self._work.begin() as work:
            work.connection.execute(
                insert(published_lists)
                .values(
                    issuer=issuer,
                    number=number,
                    issued_at=published.issued_at,
                    sequence=published.sequence,
                    expires_at=published.expires_at,
                    token=published.token,
                )
                .on_conflict_do_nothing()
            )
            work.commit()


def _is_due(stored: PublishedList, published: PublishedList) -> bool:
    return (
        stored.sequence != published.sequence
        or published.issued_at - stored.issued_at >= KEPT_EVERY
        or stored.expires_at <= published.issued_at
    )


def _is_there(connection: sa.Connection, issuer: str, number: int) -> bool:
    found = connection.execute(
        sa.select(status_lists.c.number).where(
            status_lists.c.issuer == issuer, status_lists.c.number == number
        )
    ).one_or_none()
    return found is not None


def _changes(connection: sa.Connection, issuer: str, number: int, since: int) -> list[_Change]:
    c = status_changes.c
    moment = sa.func.coalesce(c.effective_at, c.changed_at)
    rows = connection.execute(
        sa.select(c.sequence, c.index, c.value, moment, c.effective_at.is_not(None))
        .where(c.issuer == issuer, c.number == number, c.sequence > since)
        .order_by(c.sequence)
    )
    return [_Change(*row) for row in rows]


def _bring_up(kept: _Kept, changes: Sequence[_Change], now: datetime) -> bool:
    """Show what is new, and what was planned and has come; whether any of it changed the list.

    Changes count in the order of their moments; of two of one moment the later one counts.
    """
    # Another thread may have brought the list further in the meantime.
    new = [each for each in changes if each.sequence > kept.sequence]
    if new:
        kept.sequence = new[-1].sequence
    due = new
    if kept.planned or any(each.planned for each in new):
        both = sorted([*kept.planned, *new], key=lambda each: (each.moment, each.sequence))
        due = [each for each in both if not each.planned or each.moment <= now]
        kept.planned = [each for each in both if each.planned and each.moment > now]
    for each in due:
        kept.statuses.set(each.index, each.value)
    return bool(due)
