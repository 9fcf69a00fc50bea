"""Holders, the keys they are indexed by, and how their data is masked."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from certstore.certificate_type import CertificateType
from certstore.errors import HolderError
from certstore.holders import STANDARD, Holder, check_holder, holder_key
from certstore.masking import Masking, mask


@pytest.mark.parametrize(
    ("id_type", "id"),
    [
        ("001", "91440101191193940U"),
        ("111", "11010519491231002X"),
        ("414", "E12345678"),
        ("511", "12345678"),
    ],
)
def test_a_well_formed_id_names_a_holder(id_type: str, id: str) -> None:
    check_holder(Holder(id_type, id, "某某"))


@pytest.mark.parametrize(
    ("id_type", "id", "code"),
    [
        ("001", "91440101191193940V", "holder-id"),
        ("001", "91440101191193940W", "holder-id"),
        ("001", "91440101191193940u", "holder-id"),
        ("001", " 91440101191193940U", "holder-id"),
        ("111", "110105194912310021", "holder-id"),
        ("111", "11010519491331002X", "holder-id"),
        ("414", "", "holder-id"),
        ("999", "1", "holder-id-type"),
        ("x-anything", "1", "holder-id-type"),
    ],
)
def test_a_wrong_id_is_refused_without_being_repeated(id_type: str, id: str, code: str) -> None:
    with pytest.raises(HolderError) as caught:
        check_holder(Holder(id_type, id, "某某"))
    assert caught.value.code == code
    if len(id) > 2:
        assert id not in str(caught.value) + caught.value.zh


@pytest.mark.parametrize("name", ["", " 某某", "某" * 501])
def test_a_holder_without_a_proper_name_is_refused(name: str) -> None:
    with pytest.raises(HolderError, match="holder-name"):
        check_holder(Holder("001", "91440101191193940U", name))


def test_a_local_id_counts_only_where_a_certificate_type_declares_it(
    types: dict[str, CertificateType],
) -> None:
    declared = types["parking-facility-licence"].holder_ids
    check_holder(Holder("x-nyc-dca-licence", "0363009-DCA", "Parking"), declared)
    for wrong in ("0363009", "0363009-DCA\n"):
        with pytest.raises(HolderError):
            check_holder(Holder("x-nyc-dca-licence", wrong, "Parking"), declared)
    with pytest.raises(HolderError):
        check_holder(Holder("x-nyc-dca-licence", "0363009-DCA", "Parking"), STANDARD)


def test_a_holder_key_is_the_hmac_of_kind_and_id() -> None:
    key = b"k" * 32
    expected = hmac.new(key, b"001\x1f91440101191193940U", hashlib.sha256).digest()
    assert holder_key(key, "001", "91440101191193940U") == expected


def test_a_holder_key_never_mixes_kind_and_id() -> None:
    assert holder_key(b"k", "00", "11") != holder_key(b"k", "001", "1")
    with pytest.raises(HolderError):
        holder_key(b"k", "00\x1f1", "1")


def test_a_holder_does_not_print_itself() -> None:
    assert "91440101191193940U" not in repr(Holder("001", "91440101191193940U", "某某"))


@pytest.mark.parametrize(
    ("value", "how", "shown"),
    [
        ("11010519491231002X", "first1last1", "1****************X"),
        ("张三", "first1last1", "**"),
        ("张", "first1last1", "*"),
        ("", "first1last1", "*"),
        (12345, "first1last1", "1***5"),
        (True, "first1last1", "***"),
        (["a"], "first1last1", "***"),
        ({"a": 1}, "hidden", "***"),
        ("anything", "hidden", "***"),
        ("anything", "none", "anything"),
        (None, "hidden", None),
    ],
)
def test_a_mask_shows_no_more_than_it_says(value: Any, how: Masking, shown: Any) -> None:
    assert mask(value, how) == shown


def test_a_misspelt_mask_shows_nothing() -> None:
    with pytest.raises(ValueError, match="unknown"):
        mask("secret", "first1last2")  # type: ignore[arg-type]
