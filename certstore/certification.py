"""A hub's root certifies departments' keys: X.509 certificates and revocation lists (RFC 5280).

The root signs departments' certificates directly, nothing stands between. Any `Signer` of ES256
can be a root or a department's key, also one in a hardware module: a request (PKCS #10, RFC 2986)
proves that whoever asks holds the key, so the root may lie on a machine without a network.
Checking what was certified is `certstore.certificate_path`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from certstore.errors import CertificationFault
from certstore.keys import Signer
from certstore.public_keys import VerifyingKey

CLOSED_NAME: Final = 64
"""The most characters of a name (ub-organization-name, ub-common-name; RFC 5280 appendix A)."""

Reason = Literal["compromised", "cut-off"]
_REASONS: Final = {
    "compromised": x509.ReasonFlags.key_compromise,
    "cut-off": x509.ReasonFlags.privilege_withdrawn,
}
_NO_USAGE: Final = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True)
class Revoked:
    """One line of a revocation list. `invalid_from` is since when nothing signed with the key
    counts (RFC 5280 section 5.3.2), earlier than `revoked_at` where a theft came to light late."""

    serial: int
    revoked_at: datetime
    reason: Reason
    invalid_from: datetime | None = None


def make_root(
    signer: Signer, *, name: str, valid_from: datetime, valid_until: datetime
) -> x509.Certificate:
    """A self-signed root over the signer's key, for departments' certificates and nothing below.

    Raises CertificationFault `bad-name`, `bad-term`, `wrong-kind`.
    """
    subject = _name(name)
    public = public_key_of(signer)
    builder = (
        _certificate(subject, subject, public, valid_from, valid_until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    return builder.sign(_Delegated(signer), SHA256())


def make_request(signer: Signer, *, department: str, name: str) -> x509.CertificateSigningRequest:
    """A request to certify the signer's key for a department: `department` is its unified social
    credit code, `name` its name. Raises CertificationFault `bad-name`, `wrong-kind`."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(name, department))
    return builder.sign(_Delegated(signer), SHA256())


def certify(
    root: x509.Certificate,
    signer: Signer,
    request: x509.CertificateSigningRequest,
    *,
    department: str,
    name: str,
    valid_from: datetime,
    valid_until: datetime,
    crl_url: str,
) -> x509.Certificate:
    """The certificate of the key that `request` was made with, signed by the root's `signer`.

    Subject: C=CN, O and CN the department's name, organizationIdentifier and serialNumber its
    code. The request must ask for this department: what is certified was meant to be.

    Raises CertificationFault `bad-request`, `other-department`, `other-root`, `bad-name`,
    `bad-term`, `wrong-kind`.
    """
    _check_root(root, signer)
    public = _requested(request, department)
    if valid_until > root.not_valid_after_utc:
        raise CertificationFault(
            "bad-term",
            "证书不得晚于根证书到期",
            "a certificate may not outlive its root",
            field="valid_until",
        )
    builder = (
        _certificate(_name(name, department), root.subject, public, valid_from, valid_until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, content_commitment=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key_of(signer)),
            critical=False,
        )
        .add_extension(
            x509.CRLDistributionPoints(
                [
                    x509.DistributionPoint(
                        [x509.UniformResourceIdentifier(crl_url)], None, None, None
                    )
                ]
            ),
            critical=False,
        )
    )
    return builder.sign(_Delegated(signer), SHA256())


def make_crl(
    root: x509.Certificate,
    signer: Signer,
    revoked: Iterable[Revoked],
    *,
    number: int,
    issued_at: datetime,
    next_at: datetime,
) -> x509.CertificateRevocationList:
    """The root's complete revocation list. Raises CertificationFault `other-root`, `bad-term`."""
    _check_root(root, signer)
    if next_at <= issued_at:
        raise _bad_term()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.subject)
        .last_update(issued_at)
        .next_update(next_at)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key_of(signer)),
            critical=False,
        )
    )
    for each in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(each.serial)
            .revocation_date(each.revoked_at)
            .add_extension(x509.CRLReason(_REASONS[each.reason]), critical=False)
        )
        if each.invalid_from is not None:
            entry = entry.add_extension(x509.InvalidityDate(each.invalid_from), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(_Delegated(signer), SHA256())


def public_key_of(signer: Signer) -> ec.EllipticCurvePublicKey:
    """The signer's public key as `cryptography` has it.

    Raises CertificationFault `wrong-kind` for anything but ES256; KeyFault for a broken JWK.
    """
    if signer.alg != "ES256":
        raise _wrong_kind()
    public = VerifyingKey.from_jwk(signer.public_jwk()).public_key
    assert isinstance(public, ec.EllipticCurvePublicKey)  # noqa: S101  # the alg says so
    return public


def department_of(subject: x509.Name) -> str | None:
    """The department's code that a subject names, None unless it names exactly one."""
    named = {
        attribute.value
        for attribute in subject
        if attribute.oid in (NameOID.ORGANIZATION_IDENTIFIER, NameOID.SERIAL_NUMBER)
    }
    (only,) = named if len(named) == 1 else (None,)
    return only if isinstance(only, str) else None


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    valid_from: datetime,
    valid_until: datetime,
) -> x509.CertificateBuilder:
    if valid_until <= valid_from:
        raise _bad_term()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_until)
    )


def _name(name: str, department: str | None = None) -> x509.Name:
    if not name or len(name) > CLOSED_NAME:
        raise CertificationFault(
            "bad-name",
            f"名称须为1至{CLOSED_NAME}个字",
            f"a name has 1 to {CLOSED_NAME} characters",
            field="name",
        )
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
    ]
    if department is not None:
        attributes += [
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, department),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, department),
        ]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(**used: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**{**_NO_USAGE, **used})


def _check_root(root: x509.Certificate, signer: Signer) -> None:
    if root.public_key() != public_key_of(signer):
        raise CertificationFault(
            "other-root", "根证书与根密钥不符", "the root certificate is not of the root's key"
        )


def _requested(
    request: x509.CertificateSigningRequest, department: str
) -> ec.EllipticCurvePublicKey:
    """The key that a request asks for, once it is proven to be held and meant."""
    public = request.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(
        public.curve, ec.SECP256R1
    ):
        raise _wrong_kind()
    if not _proves_possession(request):
        raise CertificationFault(
            "bad-request",
            "申请文件的签名无效，不能证明持有私钥",
            "the request's own signature does not hold: it proves no possession of the key",
        )
    if department_of(request.subject) != department:
        raise CertificationFault(
            "other-department",
            "申请文件属于另一部门",
            "the request asks for another department",
            field="department",
        )
    return public


def _proves_possession(request: x509.CertificateSigningRequest) -> bool:
    try:
        return bool(request.is_signature_valid)
    except (InvalidSignature, ValueError, TypeError):
        return False


def _bad_term() -> CertificationFault:
    return CertificationFault(
        "bad-term", "有效期的止期不晚于起期", "it would end before it begins", field="valid_until"
    )


def _wrong_kind() -> CertificationFault:
    return CertificationFault("wrong-kind", "只认证P-256密钥", "only keys on P-256 are certified")


class _Delegated(ec.EllipticCurvePrivateKey):
    """A signer in the form that `cryptography`'s builders sign with; the key stays where it is."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._public = public_key_of(signer)

    def sign(self, data: bytes | bytearray | memoryview, signature_algorithm: object) -> bytes:
        if not isinstance(signature_algorithm, ec.ECDSA) or not isinstance(
            signature_algorithm.algorithm, SHA256
        ):
            raise _wrong_kind()
        raw = self._signer.sign(bytes(data))
        return encode_dss_signature(
            int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        )

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def exchange(self, algorithm: object, peer_public_key: object) -> NoReturn:
        raise TypeError("this key signs and nothing else")

    def private_numbers(self) -> NoReturn:
        raise TypeError("a private key is not given out")

    def private_bytes(self, encoding: object, format: object, algorithm: object) -> NoReturn:
        raise TypeError("a private key is not given out")

    def __copy__(self) -> _Delegated:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> _Delegated:
        return self


def load_certificates(pem: bytes) -> Sequence[x509.Certificate]:
    """The certificates of a PEM file. Raises CertificationFault `unreadable`."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise CertificationFault(
            "unreadable", "不是PEM格式的证书", "not a certificate in PEM", field="certificate"
        ) from None
