"""How an authorization stands: each defect has its own word, and exactly one is given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.authorizations.facts import (
    AuthorizationFacts,
    in_force,
    standing,
    standing_for_reuse,
)
from policies.requests import Authorization

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOLDER = b"h" * 32
GRANTED = AuthorizationFacts(
    id=UUID(int=1),
    department="A",
    item="item",
    case_number="2026-1",
    holder_key=HOLDER,
    certificate_type="business-licence",
    material_kind=None,
    fields=frozenset({"name", "credit_code"}),
    uses_max=2,
    uses_taken=1,
    valid_from=NOW,
    valid_until=NOW + timedelta(days=1),
    state="granted",
)
DOCUMENT = replace(
    GRANTED, certificate_type=None, material_kind="premises-floor-plan", fields=frozenset()
)
REQUEST: dict[str, Any] = {
    "holder_key": HOLDER,
    "department": "A",
    "item": "item",
    "case_number": "2026-1",
    "certificate_type": "business-licence",
    "fields": frozenset({"name"}),
    "now": NOW,
}
REUSE: dict[str, Any] = {
    **{name: REQUEST[name] for name in ("holder_key", "department", "item", "case_number", "now")},
    "material_kind": "premises-floor-plan",
}
LATER = NOW + timedelta(days=1)


def test_a_grant_for_exactly_this_request_is_valid() -> None:
    assert standing(GRANTED, **REQUEST) == "valid"


def test_no_authorization_of_that_id_is_unknown() -> None:
    assert standing(None, **REQUEST) == "unknown"
    assert standing_for_reuse(None, **REUSE) == "unknown"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"holder_key": b"x" * 32}, "other-holder"),
        ({"department": "B"}, "other-department"),
        ({"item": "another"}, "other-item"),
        ({"case_number": "2026-2"}, "other-case"),
        ({"certificate_type": "parking-facility-licence"}, "other-type"),
        ({"fields": frozenset({"name", "address"})}, "other-fields"),
        ({"now": NOW - timedelta(microseconds=1)}, "not-yet"),
        ({"now": LATER}, "expired"),
    ],
)
def test_a_request_for_something_else_is_named(change: dict[str, Any], word: str) -> None:
    assert standing(GRANTED, **{**REQUEST, **change}) == word


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"state": "requested", "valid_from": None, "valid_until": None}, "not-granted"),
        ({"state": "refused"}, "refused"),
        ({"state": "withdrawn"}, "withdrawn"),
        ({"uses_taken": 2}, "used-up"),
    ],
)
def test_what_is_no_longer_in_force_is_named(change: dict[str, Any], word: str) -> None:
    assert standing(replace(GRANTED, **change), **REQUEST) == word


def test_the_last_moment_still_counts() -> None:
    assert in_force(GRANTED, LATER - timedelta(microseconds=1)) == "valid"


def test_another_department_learns_nothing_but_that_it_is_not_its_own() -> None:
    request = {**REQUEST, "department": "B", "holder_key": b"x" * 32, "item": "another"}
    assert standing(replace(GRANTED, state="withdrawn"), **request) == "other-department"


def test_an_authorization_for_a_document_does_not_open_a_certificate() -> None:
    assert standing(DOCUMENT, **REQUEST) == "other-type"
    assert standing_for_reuse(DOCUMENT, **REUSE) == "valid"


def test_an_authorization_for_a_certificate_does_not_open_a_document() -> None:
    assert standing_for_reuse(GRANTED, **REUSE) == "other-type"


def test_reuse_of_another_kind_of_document_is_another_type() -> None:
    assert standing_for_reuse(DOCUMENT, **{**REUSE, "material_kind": "lease"}) == "other-type"


@given(
    state=st.sampled_from(["requested", "granted", "refused", "withdrawn", "unheard-of"]),
    taken=st.integers(0, 3),
    shift=st.integers(-3, 3),
    request=st.fixed_dictionaries(
        {
            "department": st.sampled_from("AB"),
            "item": st.sampled_from(["item", "another"]),
            "fields": st.frozensets(st.sampled_from(["name", "credit_code", "address"])),
        }
    ),
)
def test_every_case_has_one_word_that_the_rules_know(
    state: str, taken: int, shift: int, request: dict[str, Any]
) -> None:
    facts = replace(GRANTED, state=state, uses_taken=taken)
    word = standing(facts, **{**REQUEST, **request, "now": NOW + timedelta(days=shift)})
    assert word in get_args(Authorization)
    fits = request["department"] == "A" and request["item"] == "item"
    fits = fits and request["fields"] <= facts.fields
    assert (word == "valid") == (fits and state == "granted" and taken < 2 and shift == 0)
