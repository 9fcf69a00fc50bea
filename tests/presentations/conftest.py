"""One served hub for the whole room; every test has holders of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import count

import pytest

from exchange import embedded
from tests.conftest import Database
from tests.hub import served_hub
from tests.presentations.people import Counter, Holder, Person, Room

_NUMBERS = count(7001)


@pytest.fixture(scope="package")
def room(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Room]:
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(postgres, name, template="template_yici")
    database = Database(name, postgres)
    try:
        with served_hub(database, tmp_path_factory.mktemp("presentations")) as served:
            yield Room(served, database)
    finally:
        embedded.drop_database(postgres, name)


@pytest.fixture(scope="package")
def registered(room: Room) -> Person:
    return room.register(7000)


@pytest.fixture
def anybody(room: Room, registered: Person) -> Iterator[Holder]:
    """A holder shared by the tests that leave nothing behind that others would mind."""
    with room.sign_in(registered) as found:
        yield found


@pytest.fixture
def holder(room: Room) -> Iterator[Holder]:
    """A holder of a business licence of its own."""
    with room.holder(next(_NUMBERS)) as found:
        yield found


@pytest.fixture
def stranger(room: Room) -> Iterator[Holder]:
    with room.holder(next(_NUMBERS)) as found:
        yield found


@pytest.fixture
def counter(room: Room) -> Iterator[Counter]:
    """The health commission's counter."""
    with room.counter() as found:
        yield found
