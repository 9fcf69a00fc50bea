"""A key that was retired, stolen or cut off: what it signed, judged by the time it states."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from certstore.errors import TrustError
from certstore.issue import CertificateDraft, sign_certificate
from certstore.keys import Es256Signer
from certstore.verify import TrustAnchors, Verifier
from tests.certstore.conftest import ISSUER, NOW, STATUS_URI, status_token

DAY = timedelta(days=1)


def listed(document: dict[str, Any], signer: Es256Signer, **dates: datetime) -> TrustAnchors:
    jwk = {**signer.public_jwk(), **{name: at.isoformat() for name, at in dates.items()}}
    issuer = {**document["issuers"][0], "jwks": {"keys": [jwk]}}
    return TrustAnchors.from_json({**document, "issuers": [issuer]})


@pytest.mark.parametrize(
    ("dates", "outcome", "code"),
    [
        ({}, "valid", "issuer-trusted"),
        ({"not_before": NOW - DAY, "retired_at": NOW + DAY}, "valid", "issuer-trusted"),
        ({"retired_at": NOW - timedelta(seconds=30)}, "valid", "issuer-trusted"),
        ({"retired_at": NOW - DAY}, "invalid", "key-retired"),
        ({"not_before": NOW + DAY}, "invalid", "key-not-yet"),
        ({"compromised_from": NOW}, "invalid", "key-compromised"),
        ({"compromised_from": NOW - DAY}, "invalid", "key-compromised"),
        ({"compromised_from": NOW + DAY}, "unknown", "key-compromised-later"),
        ({"compromised_from": NOW + DAY, "retired_at": NOW - DAY}, "invalid", "key-retired"),
        ({"cut_off_at": NOW + DAY}, "invalid", "issuer-cut-off"),
    ],
    ids=["no dates", "within its term", "retired a moment before", "after retirement",
         "before it was made", "at the theft", "after the theft", "before the theft",
         "retired, then stolen", "cut off"],
)  # fmt: skip
def test_the_time_of_signing_is_judged_by_the_keys_term(
    trust_document: dict[str, Any],
    draft: CertificateDraft,
    signer: Es256Signer,
    dates: dict[str, datetime],
    outcome: str,
    code: str,
) -> None:
    credential = sign_certificate(draft, signer, issuer_uri=ISSUER, issued_at=NOW)
    verdict = Verifier(listed(trust_document, signer, **dates)).verify(credential, at=NOW + DAY)
    assert (verdict.issuer.outcome, verdict.issuer.code) == (outcome, code)
    assert verdict.integrity.outcome == "valid"


def test_a_stolen_key_signs_no_status_list(
    trust_document: dict[str, Any], draft: CertificateDraft, signer: Es256Signer
) -> None:
    credential = sign_certificate(draft, signer, issuer_uri=ISSUER, issued_at=NOW)
    for dates, code in (
        ({"retired_at": NOW + DAY}, "status-valid"),
        ({"compromised_from": NOW + DAY}, "status-list-untrusted"),
        ({"compromised_from": NOW - DAY}, "status-list-untrusted"),
        ({"cut_off_at": NOW}, "status-list-untrusted"),
    ):
        tokens = {STATUS_URI: status_token(signer, {})}
        verifier = Verifier(listed(trust_document, signer, **dates), tokens)
        assert verifier.verify(credential, at=NOW).status.code == code


@pytest.mark.parametrize("value", ["2026-02-30", "2026-01-01T00:00:00", 5, None, ""])
def test_a_date_that_is_none_has_the_document_refused(
    trust_document: dict[str, Any], signer: Es256Signer, value: Any
) -> None:
    jwk = {**signer.public_jwk(), "compromised_from": value}
    issuer = {**trust_document["issuers"][0], "jwks": {"keys": [jwk]}}
    with pytest.raises(TrustError, match="keys"):
        TrustAnchors.from_json({**trust_document, "issuers": [issuer]})
