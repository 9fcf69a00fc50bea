"""What JSON is let through to the rooms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import BadRequest
from exchange.faults import MOST_FAULTS, pointer
from exchange.wellformed import DEEPEST, check_json, check_names

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def refused(body: bytes) -> list[str]:
    with pytest.raises(BadRequest) as caught:
        check_json(body)
    return [fault.field for fault in caught.value.faults]


@given(JSON, st.booleans())
def test_whatever_is_json_is_let_through(value: Any, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode()
    check_json(body)
    check_names(body)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_check_fail_otherwise(body: bytes) -> None:
    try:
        check_json(body)
    except BadRequest as refusal:
        assert refusal.faults
    else:
        json.loads(body.decode())


@given(JSON, st.sampled_from(["\0", "a\0b", "\ud800", "\udfff\ud800"]))
def test_one_bad_text_anywhere_is_named(value: Any, text: str) -> None:
    assert refused(json.dumps({"a/b": [value, text]}).encode()) == ["/a~1b/1"]


def test_names_given_twice_are_named_where_they_stand() -> None:
    body = b'{"a": [{"b": 1, "b": 2}, {"c": 1}], "d": {"e": 1, "e": 1}}'
    assert sorted(refused(body)) == ["/a/0/b", "/d/e"]
    with pytest.raises(BadRequest):
        check_names(body)


@pytest.mark.parametrize(("levels", "passes"), [(DEEPEST, True), (DEEPEST + 1, False)])
def test_nesting_has_an_end(levels: int, passes: bool) -> None:
    body = b"[" * levels + b"]" * levels
    if passes:
        check_json(body)
    else:
        assert refused(body) == ["/0/0/0/0"]


def test_a_number_too_large_for_a_float_is_named() -> None:
    assert refused(b'{"a": 1e999}') == ["/a"]


def test_faults_have_an_end() -> None:
    assert len(refused(json.dumps(["\0"] * 1000).encode())) == MOST_FAULTS


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ((), "/"),
        (("a", 0), "/a/0"),
        (("a/b~c",), "/a~1b~0c"),
        (("\ud800",), "/?"),
        (("x" * 200,), "/" + "x" * 100),
    ],
)
def test_places_are_json_pointers_fit_to_show(parts: tuple[str | int, ...], shown: str) -> None:
    assert pointer(parts) == shown
