"""Requests that the packaged rules allow; tests change one fact at a time."""

from __future__ import annotations

import pytest

from policies import ActRequest, LookupRequest, PolicyEngine

SERVICE_CENTRE = "11440000MB2F03456K"
HEALTH_COMMISSION = "11440000MB2G07890B"
CULTURE_BUREAU = "11440000MB2H02468Q"


@pytest.fixture(scope="session")
def engine() -> PolicyEngine:
    return PolicyEngine.from_directory()


@pytest.fixture
def lookup() -> LookupRequest:
    return LookupRequest(
        department=SERVICE_CENTRE,
        system="approval",
        certificate_type="business-licence",
        fields=frozenset({"name", "credit_code"}),
        item="item-1",
        item_known=True,
        item_lists_type=True,
        item_fields=frozenset({"name", "credit_code", "registered_capital"}),
        case=True,
        basis="holder",
        authorization="valid",
        operator=True,
    )


@pytest.fixture
def act() -> ActRequest:
    return ActRequest(
        actor_kind="system",
        department=SERVICE_CENTRE,
        scopes=frozenset({"cases", "certificates", "registers", "lookups"}),
        act="read-case",
        resource_department=SERVICE_CENTRE,
    )
