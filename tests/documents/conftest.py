"""One served hub with a licence, its holder, and a root that certified its issuer."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography import x509

from certstore.identifiers import CertificateIdentifier
from exchange import embedded
from tests.conftest import Database
from tests.documents.certified import certify_department
from tests.hub import HEALTH, MARKET, Served, credit_code, served_hub
from tests.lookups.asking import lookup

BUSINESS = "11440000MB2D01234C001"


def licence(number: int, version: int = 1) -> str:
    """The identifier of the licence that `Served.issue_licence(number)` issues."""
    return str(CertificateIdentifier(BUSINESS, MARKET, credit_code(number), version))


@dataclass
class Room:
    """A hub that can seal, and the people who ask it for files."""

    served: Served
    root: x509.Certificate
    market: httpx.Client
    health: httpx.Client
    holder: httpx.Client

    def __post_init__(self) -> None:
        self._numbers = itertools.count(2)

    def issue(self) -> int:
        """Issue a licence that no other test knows. Its number."""
        number = next(self._numbers)
        self.served.issue_licence(number)
        return number

    def looked_up(self, number: int = 1, **changes: Any) -> str:
        """The id of a lookup that was answered to the health commission."""
        answer = self.health.post("/v1/lookups", json=lookup(credit_code(number), **changes))
        assert answer.status_code == 200, answer.text
        assert answer.json()["found"]
        found: str = answer.json()["lookup"]
        return found


@pytest.fixture(scope="module")
def database_of_module(postgres: embedded.EmbeddedPostgres) -> Iterator[Database]:
    """One fresh migrated database for all tests of a module."""
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(postgres, name, template="template_yici")
    yield Database(name, postgres)
    embedded.drop_database(postgres, name)


@pytest.fixture(scope="module")
def room(database_of_module: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with served_hub(database_of_module, tmp_path_factory.mktemp("room")) as served:
        served.issue_licence(1)
        root = certify_department(served, MARKET)
        served.register_applicant("enterprise", "001", credit_code(1), "第1号有限公司")
        with (
            served.as_system(MARKET) as market,
            served.as_system(HEALTH) as health,
            served.as_applicant("enterprise") as holder,
        ):
            yield Room(served, root, market, health, holder)
