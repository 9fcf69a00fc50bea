"""Whether a department's X.509 certificate leads to a pinned root, and was not taken back.

Signatures, names, validity, constraints and unknown critical extensions are checked by
`cryptography`'s verifier; it has no revocation, so the root's list is checked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from certstore.errors import CertificationFault

_SKEW: Final = timedelta(minutes=5)
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Revocation:
    """That a certificate was revoked. `compromised` tells a stolen key, of which nothing counts
    from `invalid_from` on, from an issuer that is cut off altogether."""

    revoked_at: datetime
    compromised: bool
    invalid_from: datetime


def check_path(
    chain: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    *,
    at: datetime,
    crl: x509.CertificateRevocationList | None = None,
) -> x509.Certificate:
    """The root of `roots` under which `chain[0]` stands at the aware moment `at`.

    Further certificates in the chain are passed over: the root itself certifies, and which root
    counts is not for the chain to say. With `crl`, it must be the root's, current at `at`, and
    the certificate not on it.

    Raises CertificationFault: `no-chain`, `certificate-not-yet`, `certificate-expired`,
    `no-path`, the codes of `check_crl`, and `certificate-revoked`.
    """
    root = find_root(chain, roots, at=at)
    if crl is not None:
        check_crl(crl, root, at=at)
        if find_revocation(crl, chain[0]) is not None:
            raise CertificationFault(
                "certificate-revoked", "证书已被吊销", "the certificate was revoked"
            )
    return root


def find_root(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], *, at: datetime
) -> x509.Certificate:
    """As `check_path`, without any revocation list."""
    if not chain or not roots:
        raise CertificationFault(
            "no-chain", "没有证书或没有根证书", "there is no certificate, or no root to check by"
        )
    leaf = chain[0]
    if at < leaf.not_valid_before_utc:
        raise CertificationFault(
            "certificate-not-yet", "证书尚未生效", "the certificate is not valid yet"
        )
    if at > leaf.not_valid_after_utc:
        raise CertificationFault("certificate-expired", "证书已过期", "the certificate has expired")
    try:
        verifier = (
            PolicyBuilder()
            .store(Store(list(roots)))
            .time(at)
            .max_chain_depth(0)
            .extension_policies(ca_policy=_CA, ee_policy=_DEPARTMENT)
            .build_client_verifier()
        )
        path = verifier.verify(leaf, []).chain
    except (VerificationError, ValueError) as refused:
        raise _no_path() from refused
    if len(path) != 2:
        raise _no_path()
    return path[1]


def check_crl(crl: x509.CertificateRevocationList, root: x509.Certificate, *, at: datetime) -> None:
    """Raise CertificationFault unless `crl` is the root's complete list, current at `at`.

    Codes: `crl-untrusted`, `crl-not-yet`, `crl-stale`.
    """
    if crl.issuer != root.subject or not _signed_by(crl, root) or not _may_sign_lists(root):
        raise _untrusted()
    # A list of some certificates only, or of changes only, says so in a critical extension.
    if any(extension.critical for extension in crl.extensions):
        raise _untrusted()
    if crl.last_update_utc > at + _SKEW:
        raise CertificationFault(
            "crl-not-yet", "吊销列表的签发时间在将来", "the revocation list is of the future"
        )
    if crl.next_update_utc is None or crl.next_update_utc < at:
        raise CertificationFault(
            "crl-stale", "吊销列表已过期", "the revocation list is out of date"
        )


def find_revocation(
    crl: x509.CertificateRevocationList, certificate: x509.Certificate
) -> Revocation | None:
    """What a list says of a certificate, None when it is not on it."""
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is None:
        return None
    reason = _of(entry, x509.CRLReason)
    since = _of(entry, x509.InvalidityDate)
    revoked_at = entry.revocation_date_utc
    return Revocation(
        revoked_at=revoked_at,
        compromised=reason is not None and reason.reason is x509.ReasonFlags.key_compromise,
        invalid_from=revoked_at if since is None else since.invalidity_date_utc,
    )


def _signed_by(crl: x509.CertificateRevocationList, root: x509.Certificate) -> bool:
    public = root.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return False
    if not isinstance(crl.signature_hash_algorithm, SHA256 | SHA384):
        return False
    try:
        return bool(crl.is_signature_valid(public))
    except (InvalidSignature, ValueError, TypeError):
        return False


def _may_sign_lists(root: x509.Certificate) -> bool:
    try:
        return root.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except (x509.ExtensionNotFound, ValueError):
        return False


def _of(entry: x509.RevokedCertificate, kind: type[_Kind]) -> _Kind | None:
    try:
        return entry.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _no_path() -> CertificationFault:
    return CertificationFault(
        "no-path",
        "证书不能追溯到可信的根证书",
        "no path leads from the certificate to a trusted root",
    )


def _untrusted() -> CertificationFault:
    return CertificationFault(
        "crl-untrusted",
        "吊销列表不是该根证书签发的完整列表",
        "the revocation list is not the root's own complete list",
    )


def _signs_documents(policy: Policy, certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.digital_signature or usage.key_cert_sign or usage.crl_sign:
        raise ValueError("its key is not for signing documents")


def _certifies_nobody(
    policy: Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints
) -> None:
    if constraints.ca:
        raise ValueError("a department certifies nobody")


# A department's certificate names no host, so that the web's own policy does not fit it.
_DEPARTMENT: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.KeyUsage, Criticality.CRITICAL, _signs_documents)
    .require_present(x509.BasicConstraints, Criticality.CRITICAL, _certifies_nobody)
)
_CA: Final = ExtensionPolicy.webpki_defaults_ca()
