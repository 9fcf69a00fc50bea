"""Issuing: what stands where in a certificate, and what is not signed."""

from __future__ import annotations

import base64
import csv
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

from certstore.errors import FieldErrors
from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier, serial_from
from certstore.issue import CertificateDraft, sign_certificate, sign_chunk, start_of_day
from certstore.keys import Es256Signer, load_signer
from certstore.sdjwt import disclosable_paths
from certstore.verify import TrustAnchors, Verifier
from tests.certstore.conftest import FIELDS, ISSUER, NOW, STATUS_URI


def payload_of(certificate: str) -> dict[str, Any]:
    segment = certificate.split(".")[1]
    value: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    )
    return value


def test_what_counts_is_visible_and_what_is_about_the_holder_is_hidden(
    certificate: str, draft: CertificateDraft
) -> None:
    payload = payload_of(certificate)
    assert payload["iss"] == ISSUER
    assert payload["vct"] == "urn:yici:certificate:business-licence:1"
    assert payload["identifier"] == str(draft.identifier)
    assert payload["status"] == {"status_list": {"idx": 7, "uri": STATUS_URI}}
    assert payload["issued_on"] == payload["valid_from"] == "2026-02-01"
    assert payload["valid_until"] is None
    assert "exp" not in payload
    assert payload["nbf"] == datetime(2026, 1, 31, 16, tzinfo=UTC).timestamp()
    assert payload["fields"].keys() == {"_sd"}
    assert payload["holder"].keys() == {"id_type", "_sd"}
    assert len(payload["fields"]["_sd"]) == len(FIELDS)
    told = json.dumps(payload, ensure_ascii=False)
    for value in (*FIELDS.values(), draft.holder.id, draft.holder.name):
        assert value not in told


def test_each_field_and_each_part_of_the_holder_is_shown_by_itself(certificate: str) -> None:
    assert disclosable_paths(certificate) == {
        *(("fields", name) for name in FIELDS),
        ("holder", "id"),
        ("holder", "name"),
    }


def test_the_order_of_digests_says_nothing_about_the_fields(
    draft: CertificateDraft, signer: Es256Signer
) -> None:
    digests = payload_of(sign(draft, signer))["fields"]["_sd"]
    assert digests == sorted(digests)


def sign(draft: CertificateDraft, signer: Es256Signer) -> str:
    return sign_certificate(draft, signer, issuer_uri=ISSUER, issued_at=NOW)


def test_the_same_draft_signed_twice_shares_no_digest(
    draft: CertificateDraft, signer: Es256Signer
) -> None:
    first, second = (payload_of(sign(draft, signer)) for _ in range(2))
    for part in ("holder", "fields"):
        assert set(first[part]["_sd"]).isdisjoint(second[part]["_sd"])


def test_another_implementation_reads_the_certificate(
    certificate: str, signer: Es256Signer
) -> None:
    key = JWK(**signer.public_jwk())
    claims = SDJWTVerifier(certificate, lambda *_: key).get_verified_payload()
    assert claims["fields"] == FIELDS
    assert claims["holder"]["id"] == "91440101191193940U"


def test_a_day_begins_at_midnight_in_china() -> None:
    assert start_of_day(date(2026, 3, 1)) == datetime(2026, 2, 28, 16, tzinfo=UTC).timestamp()
    assert start_of_day(date(1911, 1, 1)) == datetime(1910, 12, 31, 16, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fields": {**FIELDS, "name": 5}}, "name"),
        ({"fields": {**FIELDS, "_sd": []}}, "_sd"),
        ({"holder": Holder("001", "91440101191193940W", "某某")}, "holder.id"),
        ({"valid_until": date(2027, 1, 1)}, "valid_until"),
        (
            {"identifier": CertificateIdentifier("11440100MB2C056783001", "340100", "1", 1)},
            "identifier",
        ),
        (
            {
                "identifier": CertificateIdentifier(
                    "11440000MB2D01234C001", "11440100MB2C056783", "1", 1
                )
            },
            "issuer",
        ),
    ],
)
def test_a_draft_that_does_not_fit_its_type_is_not_signed(
    draft: CertificateDraft, signer: Es256Signer, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(FieldErrors) as caught:
        sign(replace(draft, **change), signer)
    assert caught.value.field == field


def test_a_moment_without_a_time_zone_is_the_callers_mistake(
    draft: CertificateDraft, signer: Es256Signer
) -> None:
    with pytest.raises(ValueError, match="time zone"):
        sign_certificate(draft, signer, issuer_uri=ISSUER, issued_at=datetime(2026, 3, 1))


def test_a_chunk_is_signed_in_order_or_not_at_all(
    draft: CertificateDraft, signer: Es256Signer
) -> None:
    drafts = [replace(draft, status_index=number) for number in range(5)]
    signed = sign_chunk(drafts, signer, issuer_uri=ISSUER, issued_at=NOW)
    indexes = [payload_of(one)["status"]["status_list"]["idx"] for one in signed]
    assert indexes == [0, 1, 2, 3, 4]
    with pytest.raises(FieldErrors):
        sign_chunk([draft, replace(draft, fields={})], signer, issuer_uri=ISSUER, issued_at=NOW)


def _sign_elsewhere(drafts: list[CertificateDraft], key: Path, passphrase: bytes) -> list[str]:
    return sign_chunk(drafts, load_signer(key, passphrase), issuer_uri=ISSUER, issued_at=NOW)


def test_drafts_travel_to_another_process_and_are_signed_there(
    draft: CertificateDraft, signer: Es256Signer, trust: TrustAnchors, tmp_path: Path
) -> None:
    assert pickle.loads(pickle.dumps(draft)) == draft
    signer.save(tmp_path / "key.pem", b"correct horse")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        signed = pool.submit(
            _sign_elsewhere, [draft], tmp_path / "key.pem", b"correct horse"
        ).result()
    assert Verifier(trust).verify(signed[0], at=NOW).integrity.outcome == "valid"


def test_the_register_of_guangdong_fits_the_business_licence(
    draft: CertificateDraft, signer: Es256Signer, trust: TrustAnchors, shared_dir: Path
) -> None:
    """Five hundred real enterprises, each signed and verified."""
    columns = {
        "name": "企业名称",
        "credit_code": "统一社会信用代码",
        "enterprise_type": "企业类型",
        "registered_capital": "注册资金",
        "business_scope": "经营范围",
        "region": "地区",
        "address": "注册地址",
        "registered_on": "注册日期",
    }
    verifier = Verifier(trust)
    path = shared_dir / "data" / "guangdong_enterprises_1997.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))[::11]
    assert len(rows) > 500
    for row in rows:
        values = {name: row[column].strip() for name, column in columns.items()}
        # A few rows of the register write the letters of the code small.
        values["credit_code"] = values["credit_code"].upper()
        fields = {name: value for name, value in values.items() if value not in ("", "N/A")}
        one = replace(
            draft,
            identifier=replace(draft.identifier, serial=serial_from(fields["credit_code"])),
            holder=Holder("001", fields["credit_code"], fields["name"]),
            fields=fields,
        )
        verdict = verifier.verify(sign(one, signer), at=NOW)
        assert verdict.integrity.outcome == "valid"
        assert verdict.fields == fields
