"""Places in status lists."""

from __future__ import annotations

from itertools import pairwise

import sqlalchemy as sa

from exchange.certificates.slots import LIST_SIZE, StatusSlots
from exchange.certificates.tables import status_lists
from exchange.hub import Hub
from tests.hub import CITY, MARKET

KEY = b"k" * 32


def test_every_place_of_a_list_is_given_out_once() -> None:
    assert sorted(StatusSlots(KEY).order(MARKET, 1)) == list(range(LIST_SIZE))


def test_the_order_is_the_same_in_every_process_and_other_for_every_list() -> None:
    first = list(StatusSlots(KEY).order(MARKET, 1)[:50])
    assert first == list(StatusSlots(KEY).order(MARKET, 1)[:50])
    assert first != list(StatusSlots(KEY).order(MARKET, 2)[:50])
    assert first != list(StatusSlots(KEY).order(CITY, 1)[:50])
    assert first != list(StatusSlots(b"other" * 7).order(MARKET, 1)[:50])


def test_neighbours_in_time_are_no_neighbours_in_the_list() -> None:
    order = StatusSlots(KEY).order(MARKET, 1)[:1000]
    near = sum(abs(one - other) < 100 for one, other in pairwise(order))
    assert near < 20


def test_a_full_list_is_followed_by_the_next_one(hub: Hub) -> None:
    slots = StatusSlots(KEY)
    with hub.work.begin() as work:
        slots.allocate(work.connection, MARKET, 1)
        work.connection.execute(sa.update(status_lists).values(allocated=LIST_SIZE - 2))
        taken = slots.allocate(work.connection, MARKET, 5)
        more = slots.allocate(work.connection, MARKET, 1)
        work.commit()
    assert [slot.number for slot in taken] == [1, 1, 2, 2, 2]
    assert len({(slot.number, slot.index) for slot in (*taken, *more)}) == 6


def test_an_allocation_that_is_rolled_back_took_nothing(hub: Hub) -> None:
    slots = StatusSlots(KEY)
    with hub.work.begin() as work:
        first = slots.allocate(work.connection, MARKET, 3)
    with hub.work.begin() as work:
        assert slots.allocate(work.connection, MARKET, 3) == first
