"""Files that strangers show: each defect has its own code, and none harms who checks."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.crypt import StandardSecurityHandler
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from certstore.certification import Revoked, make_crl
from certstore.documents import Drawer, check_pdf
from certstore.documents.check import MOST_BYTES, _issuer
from certstore.documents.face import Face
from certstore.documents.inspection import MOST_ATTACHED_BYTES, Refusal, inspect
from certstore.documents.limited import Limits, _environment, run_limited
from certstore.documents.metadata import CREDENTIAL_NAME, CREDENTIAL_TYPE
from certstore.documents.refusals import PARTS, REFUSALS
from certstore.documents.samples import MADE_AT
from certstore.errors import DocumentError
from tests.certstore.documents import hostile
from tests.certstore.documents.conftest import CREDENTIAL, DEPARTMENT, Authority, make_authority

LATER = MADE_AT + timedelta(days=30)


def refusal(data: bytes) -> str:
    """Why a file is refused, found in this process: the child's start is not tested each time."""
    with pytest.raises(Refusal) as refused:
        inspect(data, tsa_roots=[], at=MADE_AT)
    assert refused.value.code in REFUSALS
    return refused.value.code


def test_a_sealed_file_is_vouched_for_with_what_travels_inside(
    sealed: bytes, authority: Authority, faces: dict[str, Face]
) -> None:
    found = check_pdf(sealed, [authority.root], at=LATER)
    assert {name: part.code for name, part in found.parts.items()} == {
        "integrity": "seal-holds", "issuer": "seal-trusted", "time": "time-claimed",
    }  # fmt: skip
    assert found.credential == CREDENTIAL
    assert found.department == DEPARTMENT
    face = faces["business-licence"]
    assert found.metadata is not None
    assert found.metadata["ZZMC"] == face.title.zh
    assert found.metadata["ZZBS"] == face.identifier
    assert found.metadata["CZZTDMLXDM"] == "001"
    assert found.metadata["ZZQZSJ"] == "2026-03-05T09:30:00+08:00"
    assert json.loads(json.dumps(found.as_dict()))["sealed_at"] == MADE_AT.isoformat()
    with pytest.raises(TypeError):
        bool(found)


def test_what_is_not_a_pdf() -> None:
    assert refusal(b"<html>") == "not-a-pdf"
    assert refusal(b"") == "not-a-pdf"


def test_a_truncated_file(sealed: bytes) -> None:
    assert refusal(sealed[: len(sealed) // 2]) == "truncated"
    assert refusal(sealed[:-200]) == "truncated"


def test_a_file_without_a_seal(drawn: bytes) -> None:
    assert refusal(drawn) == "not-sealed"


def test_an_altered_byte_in_the_drawing(sealed: bytes) -> None:
    at = sealed.index(b"stream") + 60
    assert refusal(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]) == "altered"


def test_an_update_after_the_seal(sealed: bytes) -> None:
    assert refusal(hostile.updated_after_the_seal(sealed)) == "changed-after-seal"


def test_the_seal_of_another_file(
    sealed: bytes, authority: Authority, drawer: Drawer, faces: dict[str, Face]
) -> None:
    face = dataclasses.replace(faces["business-licence"], holder_name="另一家有限公司")
    other = authority.sealed(drawer.pdf(face, MADE_AT))
    assert refusal(hostile.with_seal(sealed, hostile.seal_of(other))) == "altered"


def test_a_signature_that_does_not_hold(sealed: bytes) -> None:
    assert refusal(hostile.with_broken_signature(sealed)) == "seal-broken"


def test_content_hidden_in_the_place_of_the_seal(sealed: bytes) -> None:
    assert refusal(hostile.with_hole(sealed)) in {"not-whole-file", "malformed"}
    assert refusal(hostile.with_filled_padding(sealed)) == "altered"


def test_cyclic_cross_references() -> None:
    assert refusal(hostile.cyclic_cross_references()) == "cyclic"


def test_a_hundred_thousand_pages() -> None:
    assert refusal(hostile.hundred_thousand_pages()) == "too-many-pages"


def test_nesting_without_end() -> None:
    assert refusal(hostile.nested_without_end()) == "malformed"


def test_an_encrypted_file(drawn: bytes) -> None:
    writer = copy_into_new_writer(PdfFileReader(BytesIO(drawn)))
    writer._assign_security_handler(
        StandardSecurityHandler.build_from_pw("a", "b", encrypt_metadata=True)
    )
    out = BytesIO()
    writer.write(out)
    assert refusal(out.getvalue()) == "encrypted"


def test_an_attachment_that_unpacks_to_a_bomb(authority: Authority) -> None:
    bomb = bytes(MOST_ATTACHED_BYTES + 1)
    pdf = hostile.attached(hostile.plain(), CREDENTIAL_NAME, bomb, CREDENTIAL_TYPE)
    assert len(pdf) < 10_000
    assert refusal(authority.sealed(pdf)) == "unpacks-too-large"


def test_two_credentials_in_one_file(authority: Authority, drawn: bytes) -> None:
    pdf = hostile.attached(drawn, "second.sd-jwt", b"a.b.c~", CREDENTIAL_TYPE)
    assert refusal(authority.sealed(pdf)) == "several-credentials"


@pytest.mark.parametrize("cut", range(9, 900, 97))
def test_a_plain_file_cut_anywhere_is_refused(cut: int) -> None:
    assert refusal(hostile.plain()[:cut] + b"\n%%EOF\n")


@given(st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_byte_of_a_sealed_file_can_be_altered_unseen(sealed: bytes, data: st.DataObject) -> None:
    # Half of the tries fall into the last 8 kB, where seal and cross-references are.
    begin = data.draw(st.sampled_from([0, len(sealed) - 8192]))
    at = data.draw(st.integers(begin, len(sealed) - 1))
    bit = data.draw(st.integers(0, 7))
    altered = sealed[:at] + bytes([sealed[at] ^ (1 << bit)]) + sealed[at + 1 :]
    assert refusal(altered)


def test_a_bomb_of_gigabytes_is_not_unpacked(authority: Authority) -> None:
    bomb = hostile.bomb_of_an_object_stream()
    assert len(bomb) < 3_000_000
    found = check_pdf(bomb, [authority.root], at=MADE_AT)
    assert found.integrity.code == "unpacks-too-large"
    assert found.credential is None


def test_a_child_that_goes_on_too_long_is_ended(authority: Authority, sealed: bytes) -> None:
    began = time.monotonic()
    found = check_pdf(sealed, [], at=MADE_AT, limits=Limits(wall_seconds=0.05))
    assert found.integrity.code == "time-limit"
    assert time.monotonic() - began < 5


def test_a_child_with_too_little_memory_says_so(sealed: bytes) -> None:
    found = check_pdf(sealed, [], at=MADE_AT, limits=Limits(memory=64 * 1024 * 1024))
    assert found.integrity.outcome == "unknown"
    assert found.integrity.code == "memory-limit"


def test_the_child_knows_nothing_of_its_callers_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YICI_KEYS_PASSPHRASE", "a secret of the caller")
    with pytest.raises(DocumentError):
        run_limited("no.such.module", b"", Limits())
    assert "a secret of the caller" not in _environment("/tmp").values()
    assert os.environ["YICI_KEYS_PASSPHRASE"]


def test_a_file_over_the_limit_is_not_even_opened(authority: Authority) -> None:
    found = check_pdf(b"%PDF-" + bytes(MOST_BYTES), [authority.root], at=MADE_AT)
    assert found.integrity.code == "too-large"


def test_a_time_without_a_zone_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="time zone"):
        check_pdf(b"", [], at=datetime(2026, 3, 5))


Crl = Callable[[Authority], x509.CertificateRevocationList]


def revoked(since: datetime | None, at: datetime) -> Crl:
    def build(authority: Authority) -> x509.CertificateRevocationList:
        entry = Revoked(authority.certificate.serial_number, at, "compromised", since)
        return make_crl(
            authority.root,
            authority.root_key,
            [entry],
            number=1,
            issued_at=LATER - timedelta(hours=1),
            next_at=LATER + timedelta(days=7),
        )

    return build


@pytest.fixture(scope="session")
def found_of(authority: Authority) -> Callable[..., str]:
    """The code of the issuer's part, under these roots and this list, without a file."""

    def find(
        roots: list[x509.Certificate],
        *,
        crl: Crl | None = None,
        at: datetime = LATER,
        sealed_at: datetime = MADE_AT,
        proven: datetime | None = None,
    ) -> str:
        listed = None if crl is None else crl(authority)
        code = _issuer(authority.certificate, roots, listed, sealed_at, proven, at)
        assert code in PARTS
        return code

    return find


def test_a_root_that_somebody_made_for_himself(found_of: Callable[..., str]) -> None:
    assert found_of([make_authority().root]) == "seal-not-trusted"


def test_no_root_at_hand(found_of: Callable[..., str]) -> None:
    assert found_of([]) == "no-roots"


def test_a_certificate_revoked_before_the_seal(
    found_of: Callable[..., str], authority: Authority
) -> None:
    stolen = revoked(MADE_AT - timedelta(days=1), MADE_AT + timedelta(days=2))
    assert found_of([authority.root], crl=stolen) == "seal-revoked"


def test_a_certificate_revoked_after_a_seal_that_no_time_stamp_proves(
    found_of: Callable[..., str], authority: Authority
) -> None:
    later = revoked(None, MADE_AT + timedelta(days=2))
    assert found_of([authority.root], crl=later) == "seal-revoked-since"
    assert found_of([authority.root], crl=later, proven=MADE_AT) == "seal-trusted"


def test_a_revocation_list_that_is_out_of_date(
    found_of: Callable[..., str], authority: Authority
) -> None:
    old = revoked(None, MADE_AT)
    at = LATER + timedelta(days=30)
    assert found_of([authority.root], crl=old, at=at) == "revocation-unknown"


def test_a_certificate_that_ran_out_since_still_vouches(
    found_of: Callable[..., str], authority: Authority
) -> None:
    assert found_of([authority.root], at=datetime(2031, 1, 1, tzinfo=UTC)) == "seal-trusted"


@pytest.mark.parametrize(
    ("year", "code"),
    [(2024, "seal-certificate-not-yet"), (2029, "seal-certificate-expired")],
    ids=["before", "after"],
)
def test_a_seal_outside_the_certificates_time(
    found_of: Callable[..., str], authority: Authority, year: int, code: str
) -> None:
    sealed_at = datetime(year, 1, 1, tzinfo=UTC)
    assert found_of([authority.root], sealed_at=sealed_at, at=sealed_at) == code


def test_a_seal_of_the_future(sealed: bytes, authority: Authority) -> None:
    found = check_pdf(sealed, [authority.root], at=MADE_AT - timedelta(days=1))
    assert found.time.code == "sealed-in-future"


def test_every_code_is_worded_in_both_languages() -> None:
    for code, part in {**REFUSALS, **PARTS}.items():
        assert part.code == code
        assert any("一" <= letter <= "鿿" for letter in part.zh)
        assert part.en.isascii()


def test_no_bit_of_what_stands_before_the_signature_is_free(sealed: bytes) -> None:
    own = hostile.seal_of(sealed)
    raw = bytes.fromhex(own.decode())
    for at in range(60):
        changed = bytearray(raw)
        changed[at] ^= 1
        assert refusal(sealed.replace(own, changed.hex().upper().encode()))
