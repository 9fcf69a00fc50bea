"""What every test may ask for: the shared public data, and a real, fresh PostgreSQL database."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exchange import embedded, migrating
from tests.s3_server import S3Server, running_s3_server

if TYPE_CHECKING:
    from exchange.hub import Hub
    from tests.hub import Served
    from tests.softhsm import Token

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of fetched public data and vectors beside the repository."""
    shared = ROOT.parent / "shared"
    if not shared.is_dir():
        message = "../shared (public registers and vectors) is not beside this checkout"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return shared


@dataclass(frozen=True)
class Database:
    """One fresh database at the newest schema, with the addresses of its roles."""

    name: str
    server: embedded.EmbeddedPostgres

    @property
    def app_url(self) -> str:
        return self.server.url("yici_app", self.name)

    @property
    def owner_url(self) -> str:
        return self.server.url("yici_owner", self.name)

    @property
    def superuser_url(self) -> str:
        return self.server.url("postgres", self.name)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.EmbeddedPostgres]:
    """One PostgreSQL server for the whole run."""
    folder = tmp_path_factory.mktemp("postgres")
    server = embedded.start(folder, durable=False)
    embedded.create_database(server, "template_yici")
    migrating.migrate(server.url("yici_owner", "template_yici"))
    yield server
    embedded.stop(folder, immediate=True)


@pytest.fixture
def database(postgres: embedded.EmbeddedPostgres) -> Iterator[Database]:
    """A fresh migrated database, dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(postgres, name, template="template_yici")
    yield Database(name, postgres)
    embedded.drop_database(postgres, name)


@pytest.fixture
def served(database: Database, tmp_path: Path) -> Iterator[Served]:
    """A whole hub served over HTTP, with a clock that tests set."""
    from tests.hub import served_hub

    with served_hub(database, tmp_path) as served:
        yield served


@pytest.fixture
def hub(served: Served) -> Hub:
    """The served hub itself."""
    return served.hub


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server for the whole run."""
    with running_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    """A hardware module's token: SoftHSM2's, in a folder of its own."""
    from tests.softhsm import make_token

    return make_token(tmp_path_factory.mktemp("softhsm"))
