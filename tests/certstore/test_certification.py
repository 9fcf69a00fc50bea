"""A root certifies departments' keys; what does not lead to it, or was taken back, is refused."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certstore.certificate_path import check_crl, check_path, find_revocation
from certstore.certification import (
    Revoked,
    certify,
    department_of,
    make_crl,
    make_request,
    make_root,
)
from certstore.errors import CertificationFault, TrustError
from certstore.issue import CertificateDraft, sign_certificate
from certstore.keys import Ed25519Signer, Es256Signer
from certstore.verify import TrustAnchors, Verifier
from tests.certstore.conftest import ISSUER, NOW

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2029, 1, 1, tzinfo=UTC)
AT = datetime(2026, 3, 1, tzinfo=UTC)
MARKET = "11440000MB2D01234C"
NAME = "广东省市场监督管理局"
URL = "https://hub.example/v1/crl"
ROOT_KEY = Es256Signer.generate()
ROOT = make_root(ROOT_KEY, name="测试根", valid_from=BEGIN, valid_until=END)
KEY = Es256Signer.generate()


def certified(signer: Es256Signer = KEY, **changes: Any) -> x509.Certificate:
    wanted: dict[str, Any] = {
        "department": MARKET, "name": NAME, "valid_from": BEGIN,
        "valid_until": END - timedelta(days=1), "crl_url": URL, **changes,
    }  # fmt: skip
    request = make_request(signer, department=wanted["department"], name=NAME)
    return certify(ROOT, ROOT_KEY, request, **wanted)


LEAF = certified()


def listing(*revoked: Revoked, signer: Es256Signer = ROOT_KEY, **changes: Any) -> Any:
    wanted: dict[str, Any] = {
        "number": 1, "issued_at": AT - timedelta(days=1), "next_at": AT + timedelta(days=30),
        **changes,
    }  # fmt: skip
    root = ROOT if signer is ROOT_KEY else make_root(
        signer, name="测试根", valid_from=BEGIN, valid_until=END
    )  # fmt: skip
    return make_crl(root, signer, revoked, **wanted)


def test_a_certificate_names_the_department_and_leads_to_the_root() -> None:
    assert check_path([LEAF, ROOT], [ROOT], at=AT, crl=listing()) == ROOT
    names = {each.oid: each.value for each in LEAF.subject}
    assert names[NameOID.COUNTRY_NAME] == "CN"
    assert names[NameOID.ORGANIZATION_NAME] == NAME
    assert names[NameOID.ORGANIZATION_IDENTIFIER] == MARKET == department_of(LEAF.subject)
    usage = LEAF.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert not usage.key_cert_sign
    points = LEAF.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name is not None
    assert points[0].full_name[0].value == URL


def other_root(**changes: Any) -> x509.Certificate:
    return make_root(
        Es256Signer.generate(), name="测试根", valid_from=BEGIN, valid_until=END, **changes
    )


def handmade(private: ec.EllipticCurvePrivateKey, extensions: list[tuple[Any, bool]]) -> Any:
    """A certificate of the root's name over the department's key, as a forger would like it."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(LEAF.subject)
        .issuer_name(ROOT.subject)
        .public_key(LEAF.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(END)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(private, SHA256())


def own(kind: type[Any]) -> Any:
    return LEAF.extensions.get_extension_for_class(kind).value


ROOT_PRIVATE = ROOT_KEY._private
NO_USAGE = own(x509.KeyUsage)
CA = (x509.BasicConstraints(ca=True, path_length=None), True)
UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
SOUND = [(own(x509.BasicConstraints), True), (NO_USAGE, True)]


@pytest.mark.parametrize(
    ("chain", "roots", "at", "code"),
    [
        ([], [ROOT], AT, "no-chain"),
        ([LEAF], [], AT, "no-chain"),
        ([LEAF], [ROOT], BEGIN - timedelta(days=1), "certificate-not-yet"),
        ([LEAF], [ROOT], END + timedelta(days=1), "certificate-expired"),
        ([LEAF, ROOT], [other_root()], AT, "no-path"),
        ([ROOT], [ROOT], AT, "no-path"),
        ([handmade(ec.generate_private_key(ec.SECP256R1()), SOUND)], [ROOT], AT, "no-path"),
        ([handmade(ROOT_PRIVATE, [CA, (NO_USAGE, True)])], [ROOT], AT, "no-path"),  # type: ignore[arg-type]
        ([handmade(ROOT_PRIVATE, SOUND[:1])], [ROOT], AT, "no-path"),  # type: ignore[arg-type]
        ([handmade(ROOT_PRIVATE, [*SOUND, UNKNOWN])], [ROOT], AT, "no-path"),  # type: ignore[arg-type]
        ([LEAF], [LEAF], AT, "no-path"),
    ],
    ids=["empty", "no root", "not yet", "expired", "root of the same name", "the root itself",
         "forged signature", "a department that certifies", "no key usage",
         "unknown critical extension", "pinned to itself"],
)  # fmt: skip
def test_a_certificate_without_a_path_is_refused(
    chain: Any, roots: Any, at: datetime, code: str
) -> None:
    with pytest.raises(CertificationFault) as caught:
        check_path(chain, roots, at=at)
    assert caught.value.code == code


def test_a_department_cannot_certify_another() -> None:
    forged = (
        x509.CertificateBuilder()
        .subject_name(LEAF.subject)
        .issuer_name(LEAF.subject)
        .public_key(Es256Signer.generate()._private.public_key())  # type: ignore[arg-type]
        .serial_number(7)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(SOUND[0][0], critical=True)
        .add_extension(SOUND[1][0], critical=True)
        .sign(KEY._private, SHA256())  # type: ignore[arg-type]
    )
    with pytest.raises(CertificationFault, match="no-path"):
        check_path([forged, LEAF, ROOT], [ROOT], at=AT)


def test_what_is_on_the_list_is_revoked_and_says_since_when() -> None:
    stolen = BEGIN + timedelta(days=3)
    crl = listing(Revoked(LEAF.serial_number, AT - timedelta(days=2), "compromised", stolen))
    found = find_revocation(crl, LEAF)
    assert found is not None
    assert (found.compromised, found.invalid_from) == (True, stolen)
    with pytest.raises(CertificationFault, match="certificate-revoked"):
        check_path([LEAF], [ROOT], at=AT, crl=crl)
    cut = listing(Revoked(LEAF.serial_number, AT - timedelta(days=2), "cut-off"))
    found = find_revocation(cut, LEAF)
    assert found is not None
    assert not found.compromised


def partial() -> Any:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.subject)
        .last_update(AT - timedelta(days=1))
        .next_update(AT + timedelta(days=1))
        .add_extension(x509.DeltaCRLIndicator(1), critical=True)
    )
    return builder.sign(ROOT_PRIVATE, SHA256())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("crl", "code"),
    [
        (listing(signer=Es256Signer.generate()), "crl-untrusted"),
        (partial(), "crl-untrusted"),
        (listing(issued_at=AT + timedelta(days=1)), "crl-not-yet"),
        (listing(next_at=AT - timedelta(hours=1)), "crl-stale"),
    ],
    ids=["another root's", "of changes only", "of the future", "out of date"],
)
def test_a_list_that_proves_nothing_is_refused(crl: Any, code: str) -> None:
    with pytest.raises(CertificationFault) as caught:
        check_crl(crl, ROOT, at=AT)
    assert caught.value.code == code


def test_the_root_certifies_only_what_was_asked_for_and_who_holds_the_key() -> None:
    asked = make_request(KEY, department=MARKET, name=NAME)
    spoilt = bytearray(asked.public_bytes(Encoding.DER))
    spoilt[-5] ^= 1
    wanted: dict[str, Any] = {
        "name": NAME, "valid_from": BEGIN, "valid_until": END, "crl_url": URL,
        "department": MARKET,
    }  # fmt: skip
    for request, changes, code in (
        (x509.load_der_x509_csr(bytes(spoilt)), {}, "bad-request"),
        (asked, {"department": "11440100MB2C05678X"}, "other-department"),
        (asked, {"name": ""}, "bad-name"),
        (asked, {"name": "长" * 65}, "bad-name"),
        (asked, {"valid_until": BEGIN}, "bad-term"),
        (asked, {"valid_until": END + timedelta(days=1)}, "bad-term"),
    ):
        with pytest.raises(CertificationFault) as caught:
            certify(ROOT, ROOT_KEY, request, **{**wanted, **changes})
        assert caught.value.code == code
    with pytest.raises(CertificationFault, match="other-root"):
        certify(ROOT, Es256Signer.generate(), asked, **wanted)
    with pytest.raises(CertificationFault, match="wrong-kind"):
        make_request(Ed25519Signer.generate(), department=MARKET, name=NAME)


def pinned(document: dict[str, Any], jwk: dict[str, Any], *revoked: Revoked) -> dict[str, Any]:
    issuer = {**document["issuers"][0], "jwks": {"keys": [jwk]}}
    crl = listing(*revoked, issued_at=BEGIN, next_at=END)
    root = {"crl": b64encode(crl.public_bytes(Encoding.DER)).decode()}
    return {**document, "issuers": [issuer], "root": root}


def x5c(certificate: x509.Certificate) -> list[str]:
    return [b64encode(certificate.public_bytes(Encoding.DER)).decode()]


def issuer_code(document: dict[str, Any], draft: CertificateDraft, signer: Es256Signer) -> str:
    credential = sign_certificate(draft, signer, issuer_uri=ISSUER, issued_at=NOW)
    verifier = Verifier(TrustAnchors.from_json(document, roots=[ROOT]))
    verdict = verifier.verify(credential, at=NOW + timedelta(days=1))
    return verdict.issuer.code


def test_under_a_pinned_root_only_certified_keys_count(
    trust_document: dict[str, Any], draft: CertificateDraft
) -> None:
    department = trust_document["issuers"][0]["department"]
    signer = Es256Signer.generate()
    sound = certified(signer, department=department)
    jwk = signer.public_jwk()
    other = certified(Es256Signer.generate(), department=department)
    elsewhere = certified(signer, department="11440100MB2C05678X")
    self_made = make_root(signer, name=NAME, valid_from=BEGIN, valid_until=END)
    for chain, code in (
        (x5c(sound), "issuer-trusted"),
        (None, "key-not-certified"),
        (x5c(other), "key-not-certified"),
        (x5c(elsewhere), "key-not-certified"),
        (x5c(self_made), "key-not-certified"),
        (["AAAA"], "key-not-certified"),
        ("x", "key-not-certified"),
        ([], "key-not-certified"),
    ):
        listed = {**jwk, "x5c": chain} if chain is not None else dict(jwk)
        assert issuer_code(pinned(trust_document, listed), draft, signer) == code


def test_the_roots_own_list_counts_whatever_the_document_says(
    trust_document: dict[str, Any], draft: CertificateDraft
) -> None:
    signer = Es256Signer.generate()
    leaf = certified(signer, department=trust_document["issuers"][0]["department"])
    jwk = {**signer.public_jwk(), "x5c": x5c(leaf)}
    serial = leaf.serial_number
    for line, code in (
        (Revoked(serial, NOW, "cut-off"), "issuer-cut-off"),
        (Revoked(serial, NOW, "compromised", NOW - timedelta(days=1)), "key-compromised"),
        (Revoked(serial, NOW, "compromised", NOW + timedelta(days=1)), "key-compromised-later"),
        (Revoked(serial + 1, NOW, "cut-off"), "issuer-trusted"),
    ):
        assert issuer_code(pinned(trust_document, jwk, line), draft, signer) == code


def test_without_the_roots_current_list_a_document_is_refused(
    trust_document: dict[str, Any],
) -> None:
    stale = listing(issued_at=BEGIN, next_at=BEGIN + timedelta(days=1))
    for root, code in (
        ({}, "crl-missing"),
        ({"crl": "AAAA"}, "malformed"),
        ({"crl": b64encode(stale.public_bytes(Encoding.DER)).decode()}, "crl"),
    ):
        with pytest.raises(TrustError) as caught:
            TrustAnchors.from_json({**trust_document, "root": root}, roots=[ROOT])
        assert caught.value.code == code
