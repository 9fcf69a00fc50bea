"""Masks: none shows more than its rule, whatever the value."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certstore.masking import HIDDEN, MASKINGS, PROVINCES, mask, shows_no_more, stricter

TEXTS = st.text(max_size=30)
PARTLY = ("first1last1", "name", "phone", "address")


@pytest.mark.parametrize(
    ("value", "how", "shown"),
    [
        ("11010519491231002X", "first1last1", "1****************X"),
        ("张三丰", "name", "**丰"),
        ("张三", "name", "***"),
        ("欧阳修远", "name", "**远"),
        ("13812345678", "phone", "*********78"),
        ("+86 138-1234-5678", "phone", "*********78"),
        (13812345678, "phone", "*********78"),
        ("95588", "phone", "***"),
        ("广东省广州市花都区花东镇阳升村", "address", "广东省***"),
        ("内蒙古自治区呼和浩特市", "address", "内蒙古自治区***"),
        ("广州市花都区", "address", "***"),
        ("张三住在超市", "address", "***"),
    ],
)
def test_each_mask_keeps_what_it_says(value: object, how: str, shown: str) -> None:
    assert mask(value, how) == shown  # type: ignore[arg-type]


@given(TEXTS)
def test_first1last1_keeps_two_characters_and_the_length_at_most(text: str) -> None:
    shown = mask(text, "first1last1")
    if len(text) <= 2:
        assert set(shown) == {"*"}
    else:
        assert shown == text[0] + "*" * (len(text) - 2) + text[-1]


@given(TEXTS)
def test_a_masked_name_shows_its_last_character_at_most(text: str) -> None:
    assert mask(text, "name") in ({f"**{text[-1]}"} if len(text) > 2 else {HIDDEN})


@given(TEXTS | st.integers().map(str))
def test_a_masked_phone_shows_two_digits_at_most(text: str) -> None:
    shown = mask(text, "phone")
    assert shown == HIDDEN or (shown[:-2] == "*" * 9 and shown[-2:].isdecimal())


@given(st.one_of(TEXTS, st.tuples(st.sampled_from(PROVINCES), TEXTS).map("".join)))
def test_a_masked_address_shows_a_province_out_of_the_list_at_most(text: str) -> None:
    assert mask(text, "address") in {HIDDEN, *(f"{province}***" for province in PROVINCES)}


@pytest.mark.parametrize("how", PARTLY)
@given(text=TEXTS)
@settings(max_examples=30)
def test_short_values_are_masked_whole(how: str, text: str) -> None:
    assert set(mask(text[:2], how)) == {"*"}  # type: ignore[arg-type]


@pytest.mark.parametrize("how", [*PARTLY, "hidden"])
def test_what_is_no_text_and_no_number_is_hidden_whole(how: str) -> None:
    for value in (True, ["张三丰"], {"a": 1}, b"bytes"):
        assert mask(value, how) == HIDDEN  # type: ignore[arg-type]
    assert mask(None, how) is None  # type: ignore[arg-type]


@given(st.lists(TEXTS, min_size=2, max_size=2))
@settings(max_examples=200)
def test_a_mask_that_shows_no_more_never_tells_apart_what_the_other_does_not(
    texts: list[str],
) -> None:
    one, other = texts
    for strict, loose in product(MASKINGS, MASKINGS):
        if shows_no_more(strict, loose) and mask(one, loose) == mask(other, loose):
            assert mask(one, strict) == mask(other, strict), (strict, loose)


def test_the_stricter_of_two_masks_shows_no_more_than_either() -> None:
    for one, other in product(MASKINGS, MASKINGS):
        assert shows_no_more(stricter(one, other), one)
        assert shows_no_more(stricter(one, other), other)
        assert stricter(one, other) == stricter(other, one)
    assert stricter("phone", "address") == "hidden"
