"""Disclosures read together are what each of them is by itself."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certstore.base64url import b64url
from certstore.errors import JwsError, SdJwtError
from certstore.reveal import decode_all, decode_disclosure

PIECES = st.sampled_from(
    ['["s","n",1]', '["s","n"', '["t","m",[1]', ',"v"]', "3]", ' 3]', '["g"]]', "]", "[", '"',
     '["s","n",1],["t","m",2]', ',\n\n["x","y","z"]', '["s","n",{"a":1}', "}", ' ["s","n",1]',
     '["s","n",1] ', "", '["é","n","号"]', '["s","_sd",1]', '["s",1]'],
)  # fmt: skip


def one_by_one(disclosures: list[bytes]) -> object:
    try:
        return [decode_disclosure(each) for each in disclosures]
    except (JwsError, SdJwtError) as error:
        return error.code


def together(disclosures: list[bytes]) -> object:
    try:
        return decode_all(disclosures)
    except (JwsError, SdJwtError) as error:
        return error.code


@given(st.lists(st.lists(PIECES, max_size=3).map("".join), min_size=1, max_size=5))
@example(['["a","b",1],["c","d",2]', '["e","f"', "3]"])
@example(['["a","b",1],["c","d",2]', '["e","f"', '["g"]]'])
@example(['["a","b",1],\n\n["c","d",2]', '["e","f"', " 3]"])
def test_no_disclosure_reaches_into_the_next(texts: list[str]) -> None:
    disclosures = [b64url(text.encode()) for text in texts]
    assert together(disclosures) == one_by_one(disclosures)


@pytest.mark.parametrize(
    "encoded", [b"WyJzIiwibiIsMV0=", b"WyJzIiwibiIsMV0\n", b"WyJzIiwibiIsMV+/"]
)
def test_what_is_not_base64url_is_refused_also_among_others(encoded: bytes) -> None:
    assert together([b64url(b'["s","m",2]'), encoded]) == "not-base64"
