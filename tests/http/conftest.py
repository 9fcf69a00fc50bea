"""A served hub that many tests share, and one for a test that breaks it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import embedded
from tests.conftest import Database
from tests.documents.certified import certify_department
from tests.http.standing import Standing, standing
from tests.hub import MARKET


@pytest.fixture(scope="package")
def once(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    """A hub in use, shared by all tests that do not mind what others did there."""
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(postgres, name, template="template_yici")
    try:
        with standing(Database(name, postgres), tmp_path_factory.mktemp("hub")) as found:
            certify_department(found.served, MARKET)
            yield found
    finally:
        embedded.drop_database(postgres, name)


@pytest.fixture
def own(database: Database, tmp_path: Path) -> Iterator[Standing]:
    """A hub in use of one test's own, to break."""
    with standing(database, tmp_path) as found:
        yield found
