"""One hub for tests that each publish certificate types of their own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from exchange import embedded
from tests.conftest import Database
from tests.hub import AUDIT_OFFICE, Served, served_hub


@pytest.fixture(scope="package")
def catalogue(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A served hub whose certificate types grow."""
    embedded.create_database(postgres, "test_types", template="template_yici")
    with served_hub(Database("test_types", postgres), tmp_path_factory.mktemp("hub")) as served:
        yield served
    embedded.drop_database(postgres, "test_types")


@pytest.fixture(scope="package")
def publisher(catalogue: Served) -> Iterator[httpx.Client]:
    with catalogue.as_system(AUDIT_OFFICE) as client:
        yield client
