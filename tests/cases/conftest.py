"""The rooms a case needs, served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cases.room import Room, serve_room
from tests.conftest import Database


@pytest.fixture
def room(database: Database, tmp_path: Path) -> Iterator[Room]:
    """The rooms, in which nobody may look a certificate up without the holder."""
    with serve_room(database, tmp_path, duty=False) as served:
        yield served


@pytest.fixture
def room_with_duty(database: Database, tmp_path: Path) -> Iterator[Room]:
    """The rooms with the packaged agreements, a statutory basis among them."""
    with serve_room(database, tmp_path) as served:
        yield served
