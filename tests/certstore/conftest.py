"""Keys, a trusted issuer, a draft and its certificate, made anew for each run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from certstore.certificate_type import CertificateType, Title
from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier
from certstore.issue import CertificateDraft, sign_certificate
from certstore.keys import Es256Signer
from certstore.status import StatusList, sign_status_list
from certstore.types import load_types
from certstore.verify import TrustAnchors, Verifier

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
ISSUER = "https://market-regulator.example"
STATUS_URI = "https://hub.example/status/1"

FIELDS = {
    "name": "广州市阳升经济发展有限公司",
    "credit_code": "91440101191193940U",
    "enterprise_type": "有限责任公司",
    "registered_capital": "50(万元人民币)",
    "business_scope": "批发：农副产品、日用百货",
    "region": "广州",
    "address": "广州市花都区花东镇阳升村",
    "registered_on": "1997-01-15",
}


@pytest.fixture(scope="session")
def types() -> Mapping[str, CertificateType]:
    return load_types()


@pytest.fixture(scope="session")
def licence(types: Mapping[str, CertificateType]) -> CertificateType:
    return types["business-licence"]


@pytest.fixture(scope="session")
def signer() -> Es256Signer:
    return Es256Signer.generate()


@pytest.fixture(scope="session")
def hub_signer() -> Es256Signer:
    return Es256Signer.generate()


@pytest.fixture(scope="session")
def other_signer() -> Es256Signer:
    return Es256Signer.generate()


@pytest.fixture
def draft(licence: CertificateType) -> CertificateDraft:
    return CertificateDraft(
        identifier=CertificateIdentifier(licence.code, licence.defined_by, "20260000001", 1),
        type=licence,
        issuer_name=Title("广东省市场监督管理局", "Market regulator"),
        holder=Holder("001", "91440101191193940U", "广州市阳升经济发展有限公司"),
        fields=FIELDS,
        issued_on=date(2026, 2, 1),
        valid_from=date(2026, 2, 1),
        valid_until=None,
        status_uri=STATUS_URI,
        status_index=7,
    )


@pytest.fixture
def certificate(draft: CertificateDraft, signer: Es256Signer) -> str:
    return sign_certificate(
        draft, signer, issuer_uri=ISSUER, issued_at=datetime(2026, 2, 1, 8, tzinfo=UTC)
    )


@pytest.fixture
def trust_document(
    signer: Es256Signer,
    hub_signer: Es256Signer,
    other_signer: Es256Signer,
    licence: CertificateType,
) -> dict[str, Any]:
    return {
        "as_of": "2026-02-28T00:00:00Z",
        "issuers": [
            {
                "id": ISSUER,
                "department": licence.defined_by,
                "name": {"zh": "广东省市场监督管理局", "en": "Market regulator"},
                "jwks": {"keys": [signer.public_jwk()]},
            },
            {
                "id": "https://transport.example",
                "department": "11440300MB2E09012L",
                "jwks": {"keys": [other_signer.public_jwk()]},
            },
        ],
        "hub": {"jwks": {"keys": [hub_signer.public_jwk()]}},
        "log": {"origin": "hub.example/log", "key": "hub.example/log+00000000+AAAA"},
        "unknown": "ignored",
    }


@pytest.fixture
def trust(trust_document: dict[str, Any]) -> TrustAnchors:
    return TrustAnchors.from_json(trust_document)


def status_token(
    signer: Es256Signer,
    values: Mapping[int, int],
    *,
    uri: str = STATUS_URI,
    issued_at: datetime = NOW - timedelta(minutes=10),
    expires_at: datetime = NOW + timedelta(hours=12),
) -> str:
    statuses = StatusList(2, 1024)
    statuses.set_all(values.items())
    return sign_status_list(
        statuses,
        uri=uri,
        signer=signer,
        issued_at=issued_at,
        ttl=timedelta(hours=1),
        expires_at=expires_at,
    )


@pytest.fixture
def verifier(trust: TrustAnchors, hub_signer: Es256Signer) -> Verifier:
    return Verifier(trust, {STATUS_URI: status_token(hub_signer, {})})
