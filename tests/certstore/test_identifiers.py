"""GB/T 36904 identifiers: what was issued in the wild, and what must be refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_37_36

from certstore.errors import IdentifierError
from certstore.identifiers import (
    CertificateIdentifier,
    register_number_from,
    serial_from,
)

ISSUED = [
    ("11100000000013338W011", "11430000006122244L", "20230000403", 1, "U"),
    ("11100000000013338W009", "11330105002500287C", "2025052201", 2, "0"),
    ("11100000000013338W032", "11220000013544541J", "2430599", 1, "F"),
    ("11100000MB03271699022", "340100", "000000016", 1, "9"),
]


@pytest.mark.parametrize(("type_code", "issuer", "serial", "version", "check"), ISSUED)
def test_identifiers_issued_in_the_wild_agree(
    type_code: str, issuer: str, serial: str, version: int, check: str
) -> None:
    identifier = CertificateIdentifier(type_code, issuer, serial, version)
    assert identifier.check == check
    written = f"1.2.156.3005.2.{type_code}.{issuer}.{serial}.{version:03d}.{check}"
    assert str(identifier) == written
    assert CertificateIdentifier.parse(written) == identifier


def test_the_sample_of_the_iso_standard_agrees() -> None:
    assert mod_37_36.calc_check_digit("A12425GABC1234002") == "M"


# Issued with M where D is computed; of its type code only the end, B006, is published, so the
# code here is one that ends so and for which D is what is computed.
DISAGREEING = (
    "1.2.156.3005.2.11100000000013661B006.113700000045046442"
    ".209FA4E88F9E4C878F3E9BED2CE7EA49.001.{}"
)


def test_a_received_identifier_with_a_wrong_check_character_is_flagged_and_not_dropped() -> None:
    with pytest.raises(IdentifierError) as caught:
        CertificateIdentifier.parse(DISAGREEING.format("M"))
    assert caught.value.code == "check-digit"
    identifier, sound = CertificateIdentifier.parse_flagged(DISAGREEING.format("M"))
    assert not sound
    assert identifier.serial == "209FA4E88F9E4C878F3E9BED2CE7EA49"
    assert identifier.check == "D"
    assert str(identifier) == DISAGREEING.format("D")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.156.3005.2",
        "1.2.156.3005.3.11100000000013338W011.11430000006122244L.20230000403.001.U",
        "1.2.156.3005.2.11100000000013338W11.11430000006122244L.20230000403.001.U",
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.1.U",
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.000.U",
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L..001.U",
        "1.2.156.3005.2.11100000000013338w011.11430000006122244L.20230000403.001.U",
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.U\n",
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L.２０２３.001.U",
        "1.2.156.3005.2.11100000000013338W011.11430000006122244L." + "1" * 10000 + ".001.U",
    ],
)
def test_what_has_not_the_form_is_malformed(text: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        CertificateIdentifier.parse(text)
    assert caught.value.code == "malformed"


@pytest.mark.parametrize(
    ("type_code", "issuer", "serial", "version"),
    [
        ("11100000000013338W01", "340100", "1", 1),
        ("11100000000013338W011", "34010", "1", 1),
        ("11100000000013338W011", "340100", "a", 1),
        ("11100000000013338W011", "340100", "", 1),
        ("11100000000013338W011", "340100", "1", 0),
        ("11100000000013338W011", "340100", "1", 1000),
    ],
)
def test_parts_without_their_shape_make_no_identifier(
    type_code: str, issuer: str, serial: str, version: int
) -> None:
    with pytest.raises(IdentifierError, match="malformed"):
        CertificateIdentifier(type_code, issuer, serial, version)


def test_a_renewal_keeps_the_serial_and_raises_the_version() -> None:
    first = CertificateIdentifier("11100000000013338W011", "340100", "16", 1)
    second = first.next_version()
    assert second.certificate == first.certificate
    assert second.version == 2
    with pytest.raises(IdentifierError):
        CertificateIdentifier("11100000000013338W011", "340100", "16", 999).next_version()


ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@given(
    st.text("0123456789ABCDEFGH", min_size=18, max_size=18),
    st.text(ALPHABET, min_size=1, max_size=40),
    st.integers(1, 999),
)
def test_the_shared_prefix_is_summed_once_without_changing_the_check_character(
    body: str, serial: str, version: int
) -> None:
    identifier = CertificateIdentifier(f"{body}001", body, serial, version)
    joined = f"{body}001{body}{serial}{version:03d}"
    assert identifier.check == mod_37_36.calc_check_digit(joined)


@given(st.sampled_from(ISSUED), st.integers(0, 57), st.sampled_from(ALPHABET))
def test_one_mistyped_character_is_always_noticed(
    issued: tuple[str, str, str, int, str], at: int, typed: str
) -> None:
    written = str(CertificateIdentifier(*issued[:4]))
    place = len("1.2.156.3005.2.") + at
    if place >= len(written) or written[place] in {".", typed}:
        return
    mistyped = written[:place] + typed + written[place + 1 :]
    with pytest.raises(IdentifierError):
        CertificateIdentifier.parse(mistyped)


@pytest.mark.parametrize(
    ("number", "serial"),
    [
        ("20230000403", "20230000403"),
        ("209FA4E88F9E4C878F3E9BED2CE7EA49", "209FA4E88F9E4C878F3E9BED2CE7EA49"),
        ("Z1", "Z1"),
        ("0363009-DCA", "ZX0363009Z2DDCA"),
        ("ZX1", "ZXZZX1"),
        ("a", "ZXZ61"),
        ("粤1", "ZXZE7ZB2ZA41"),
    ],
)
def test_a_register_number_becomes_a_serial(number: str, serial: str) -> None:
    assert serial_from(number) == serial
    assert register_number_from(serial) == number


@given(st.text(min_size=1, max_size=20))
@example("ZXA")
@example("zxa")
@example("A-B")
def test_no_two_numbers_share_a_serial_because_every_serial_leads_back(number: str) -> None:
    try:
        serial = serial_from(number)
    except IdentifierError:
        assert number != number.strip() or any("\ud800" <= one <= "\udfff" for one in number)
        return
    assert set(serial) <= set(ALPHABET)
    assert register_number_from(serial) == number


@pytest.mark.parametrize("number", ["", " 1", "1\n", "1" * 201, "粤" * 30])
def test_an_empty_untrimmed_or_endless_number_is_no_serial(number: str) -> None:
    with pytest.raises(IdentifierError):
        serial_from(number)


@pytest.mark.parametrize("serial", ["ZX", "ZXZ", "ZXZ4", "ZXZ41", "ZXZFF", "ZX12", "ZXz"])
def test_a_serial_that_was_never_made_leads_nowhere(serial: str) -> None:
    with pytest.raises(IdentifierError):
        register_number_from(serial)


def test_ten_thousand_identifiers_take_less_than_a_second() -> None:
    began = time.process_time()
    for number in range(10_000):
        str(CertificateIdentifier("11100000000013338W011", "340100", f"{number:011d}", 1))
    assert time.process_time() - began < 1
