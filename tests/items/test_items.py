"""Publishing an item: each change is a new version, the same again is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.access import Caller
from exchange.errors import BadRequest, NotFound, Refused
from exchange.governance.service import operator
from tests.cases.room import CENTRE, FOOD, Room, serve_room
from tests.conftest import Database


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Iterator[Room]:
    with serve_room(database, tmp_path) as served:
        yield served


def test_the_same_definition_again_changes_nothing_and_another_is_a_new_version(
    room: Room,
) -> None:
    items, permitted = room.hub.items, room.hub.access.permit(operator("a"), "publish-item")
    [definition] = [
        row["definition"] for row in room.rows("items") if row["definition"]["code"] == FOOD
    ]
    published = len(room.records("item-published"))
    assert items.publish(permitted, definition).version == 1
    assert len(room.records("item-published")) == published
    changed = items.publish(permitted, {**definition, "time_limit_working_days": 3})
    assert changed.version == 2 and items.get(FOOD).time_limit_working_days == 3
    assert len(room.records("item-published")) == published + 1
    assert len(items.all()) == 3


def test_an_unknown_item_is_not_found_and_a_faulty_one_not_published(room: Room) -> None:
    with pytest.raises(NotFound):
        room.hub.items.get("0" * 31)
    permitted = room.hub.access.permit(operator("a"), "publish-item")
    with pytest.raises(BadRequest):
        room.hub.items.publish(permitted, {"code": "1"})


def test_a_system_without_the_scope_publishes_nothing(room: Room) -> None:
    with pytest.raises(Refused):
        room.hub.access.permit(
            Caller("system", CENTRE, CENTRE, frozenset({"cases"})), "publish-item"
        )
