"""Issuers' keys under pinned roots: of each key that a trust document lists, whether a root
certified it for that very department, and has not taken that back."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography import x509

from certstore.certificate_path import check_crl, find_revocation, find_root
from certstore.certification import department_of
from certstore.errors import CertificationFault, TrustError
from certstore.key_term import KeyTerm
from certstore.public_keys import TrustedKeys, VerifyingKey


class PinnedRoots:
    """Roots somebody trusts, and the revocation list that came with the document.

    Raises TrustError `crl-missing`, and `crl` for a list that is of none of the roots, or was
    not current when the document was made: without it nobody knows who was cut off.
    """

    def __init__(
        self,
        roots: Sequence[x509.Certificate],
        crl: x509.CertificateRevocationList | None,
        *,
        at: datetime,
    ) -> None:
        if crl is None:
            raise TrustError(
                "crl-missing",
                "可信名单未附根证书的吊销列表",
                "the trust document brings no revocation list of the root",
                field="root/crl",
            )
        self._crl = crl
        self._root = _issuer_of(crl, roots, at)

    def certified(
        self, jwks: Mapping[str, Any], keys: TrustedKeys, department: str
    ) -> tuple[TrustedKeys, frozenset[str]]:
        """The keys that stand under the root, each until its certificate expires and with
        what the root's list says of it; and the kids of the others."""
        stated = {
            jwk.get("kid"): jwk.get("x5c")
            for jwk in jwks.get("keys", ())
            if isinstance(jwk, Mapping)
        }
        certified, others = [], set()
        for key in keys:
            found = self._certified(key, stated.get(key.kid), department)
            if found is None:
                others.add(key.kid)
            else:
                certified.append(found)
        return TrustedKeys(certified), frozenset(others)

    def _certified(self, key: VerifyingKey, x5c: Any, department: str) -> VerifyingKey | None:
        try:
            leaf = x509.load_der_x509_certificate(b64decode(x5c[0], validate=True))
            # A certificate counts as of when it was made; what is signed later than it is valid
            # is out of the key's term.
            find_root([leaf], [self._root], at=leaf.not_valid_before_utc)
            subject = department_of(leaf.subject)
        except (CertificationFault, ValueError, TypeError, LookupError):
            return None
        if subject != department or leaf.public_key() != key.public_key:
            return None
        term = (key.term or KeyTerm()).until(leaf.not_valid_after_utc)
        revoked = find_revocation(self._crl, leaf)
        if revoked is not None and revoked.compromised:
            term = term.compromised(revoked.invalid_from)
        elif revoked is not None:
            term = term.cut_off(revoked.revoked_at)
        return key.with_term(term)


def read_crl(value: Any) -> x509.CertificateRevocationList | None:
    """The list in a trust document's `root` member; None where there is none.

    Raises TrustError `malformed`.
    """
    encoded = value.get("crl") if isinstance(value, Mapping) else None
    if encoded is None:
        return None
    try:
        return x509.load_der_x509_crl(b64decode(encoded, validate=True))
    except (ValueError, TypeError):
        raise TrustError(
            "malformed", "吊销列表格式不符", "not a revocation list", field="root/crl"
        ) from None


def _issuer_of(
    crl: x509.CertificateRevocationList, roots: Sequence[x509.Certificate], at: datetime
) -> x509.Certificate:
    refused = CertificationFault("no-root", "没有给出根证书", "no root was given")
    for root in roots:
        try:
            check_crl(crl, root, at=at)
        except CertificationFault as fault:
            refused = fault
        else:
            return root
    raise TrustError("crl", refused.zh, refused.en, field="root/crl")
