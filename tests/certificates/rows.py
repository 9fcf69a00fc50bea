"""Rows of an invented register, for tests of issuing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from certstore.validity import ValidityRule
from exchange.certificates.issuing import Issuing
from exchange.certificates.places import Places
from exchange.certificates.records import Counts, Issuable
from exchange.certificates.signing import SigningHere
from exchange.hub import Hub
from tests.hub import MARKET, credit_code


def enterprise(number: int, **more: Any) -> Issuable:
    """An enterprise's row for the business licence, which has no end."""
    code = credit_code(number)
    values: dict[str, Any] = {
        "source_key": code,
        "source_hash": f"{number:064x}",
        "serial": code,
        "holder_id_type": "001",
        "holder_id": code,
        "holder_name": f"第{number}号\t有限\\公司",
        "fields": {
            "name": f"第{number}号\t有限\\公司",
            "credit_code": code,
            "region": "广州",
            "registered_on": "2020-01-15",
        },
        "valid_from": date(2020, 1, 15),
        "valid_until": None,
        "issued_on": date(2020, 1, 15),
        "state": "01",
        "state_since": None,
        "row_number": number,
    }
    return Issuable(**{**values, **more})


def term(number: int, year: int, **more: Any) -> Issuable:
    """The term of one year of a licence that is renewed each year."""
    values: dict[str, Any] = {
        "source_key": f"{number}-{year}",
        "source_hash": f"{number:032x}{year:032x}",
        "valid_from": date(year, 1, 1),
        "valid_until": date(year, 12, 31),
    }
    return enterprise(number, **{**values, **more})


def issue_terms(hub: Hub, *rows: Issuable) -> Counts:
    """Issue business licences that may end, so that they can be renewed."""
    snapshot = hub.access.snapshot()
    issuing = Issuing(
        hub.work, hub.clock, Places(hub.settings.public_url), hub.settings.holder_key_bytes
    )
    chunks = issuing.issue(
        snapshot.departments[MARKET],
        replace(snapshot.types["business-licence"], validity=ValidityRule("either")),
        rows,
        signing=SigningHere(hub.keys.issuer(MARKET)),
    )
    return sum(chunks, start=Counts())
