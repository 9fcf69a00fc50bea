"""Which place in a status list a certificate gets.

Places are given out in an order that only the hub's key knows, so that neighbours in the list
tell nothing about when, to whom or beside whom a certificate was issued.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from array import array
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from exchange.certificates.records import Slot
from exchange.certificates.tables import status_lists

LIST_SIZE: Final = 1 << 17
"""Certificates per list: 32 KiB at two bits, large enough to hide one among many."""
_KEPT: Final = 16


class StatusSlots:
    """Gives places out; safe to share between threads and processes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._orders: dict[tuple[str, int], Sequence[int]] = {}
        self._lock = threading.Lock()

    def allocate(self, connection: sa.Connection, issuer: str, count: int) -> list[Slot]:
        """Take ``count`` places within the caller's transaction, opening new lists as needed."""
        number, taken = self._newest(connection, issuer)
        slots: list[Slot] = []
        while len(slots) < count:
            order = self.order(issuer, number)
            here = order[taken : taken + count - len(slots)]
            slots.extend(Slot(number, index) for index in here)
            _put(connection, issuer, number, taken + len(here))
            number, taken = number + 1, 0
        return slots

    def order(self, issuer: str, number: int) -> Sequence[int]:
        """The order in which the places of one list are given out."""
        with self._lock:
            found = self._orders.get((issuer, number))
            if found is None:
                if len(self._orders) >= _KEPT:
                    self._orders.pop(next(iter(self._orders)))
                found = self._orders[issuer, number] = _shuffled(self._key, issuer, number)
            return found

    def _newest(self, connection: sa.Connection, issuer: str) -> tuple[int, int]:
        connection.execute(
            insert(status_lists)
            .values(issuer=issuer, number=1, allocated=0)
            .on_conflict_do_nothing()
        )
        # The first list is the door: whoever holds it is the only one to open a further list.
        connection.execute(
            sa.select(status_lists.c.number)
            .where(status_lists.c.issuer == issuer, status_lists.c.number == 1)
            .with_for_update()
        ).all()
        row = connection.execute(
            sa.select(status_lists.c.number, status_lists.c.allocated)
            .where(status_lists.c.issuer == issuer)
            .order_by(status_lists.c.number.desc())
            .limit(1)
        ).one()
        return row.number, row.allocated


def _put(connection: sa.Connection, issuer: str, number: int, allocated: int) -> None:
    values = {"allocated": allocated}
    connection.execute(
        insert(status_lists)
        .values(issuer=issuer, number=number, **values)
        .on_conflict_do_update(index_elements=["issuer", "number"], set_=values)
    )


def _shuffled(key: bytes, issuer: str, number: int) -> Sequence[int]:
    secret = hmac.digest(key, f"status-list\x1f{issuer}\x1f{number}".encode(), "sha256")
    # 64 keyed bits for each place; SHAKE-256 over a secret prefix is a keyed stream (FIPS 202).
    ranks = array("Q", hashlib.shake_256(secret).digest(8 * LIST_SIZE))
    return array("I", sorted(range(LIST_SIZE), key=ranks.__getitem__))
