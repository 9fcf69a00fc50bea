"""One served hub for all tests of a module; each uses enterprises of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from exchange import embedded
from tests.conftest import Database
from tests.hub import Served, served_hub


@pytest.fixture(scope="module")
def served(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A whole hub served over HTTP, with a clock that tests set."""
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(postgres, name, template="template_yici")
    with served_hub(Database(name, postgres), tmp_path_factory.mktemp("bulk")) as served:
        yield served
    embedded.drop_database(postgres, name)
