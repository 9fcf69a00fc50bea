"""Whom to trust: the document that lets anyone verify this hub's certificates offline."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certstore.keys import Signer
from exchange.certificates.places import Places
from exchange.governance.snapshot import Snapshot
from exchange.keyring.records import ANSWERS, KeyRegister, SigningKey


class _LogVerifier(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def vkey(self) -> str: ...


class _LogSigner(Protocol):
    @property
    def verifier(self) -> _LogVerifier: ...


class Keys(Protocol):
    """The keys this room needs (``exchange.keyring.service.Keyring``)."""

    @property
    def log(self) -> _LogSigner: ...

    def issuer(self, department: str) -> Signer:
        """The key that signs for a department. Raises certstore's KeyFault."""
        ...

    def lister(self, department: str) -> Signer:
        """The key that signs a department's status lists."""
        ...

    def current(self) -> KeyRegister:
        """Every key there is and ever was."""
        ...

    def roots(self) -> list[x509.Certificate]:
        """The certificates that every department's own must lead to."""
        ...

    def crl(self) -> x509.CertificateRevocationList | None:
        """The root's newest revocation list."""
        ...


def trust_document(keys: Keys, places: Places, snapshot: Snapshot, now: datetime) -> dict[str, Any]:
    """The document that ``certstore.trust.TrustAnchors.from_json`` reads.

    An issuer's retired, compromised and cut-off keys stay in it, each with its dates: what they
    signed in their time is still to be judged.
    """
    register = keys.current()
    issuers = [
        {
            "id": places.issuer(code),
            "department": code,
            "name": {"zh": department.name_zh, "en": department.name_en},
            "types": snapshot.types_of_issuer(code),
            "jwks": {"keys": [published(key) for key in register.of(code)]},
        }
        for code in register.departments()
        if (department := snapshot.departments.get(code)) is not None
    ]
    document: dict[str, Any] = {
        "as_of": _time(now),
        "issuers": issuers,
        "hub": {"jwks": {"keys": [published(key) for key in register.of(ANSWERS)]}},
        "log": {"origin": keys.log.verifier.name, "key": keys.log.verifier.vkey},
    }
    if register.root is not None:
        root = register.root
        document["root"] = {"certificate": _der(root.certificate.public_bytes(Encoding.DER))}
        if root.crl is not None:
            document["root"]["crl"] = _der(root.crl.public_bytes(Encoding.DER))
    return document


def published(key: SigningKey) -> dict[str, Any]:
    """A key's public JWK with its dates (RFC 3339, UTC) and its certificate (RFC 7517 §4.7)."""
    jwk: dict[str, Any] = dict(key.jwk)
    dates = {
        "not_before": key.made_at,
        "retired_at": key.retired_at,
        "compromised_from": key.compromised_from,
        "cut_off_at": key.cut_off_at,
    }
    jwk.update({name: _time(at) for name, at in dates.items() if at is not None})
    if key.certificate is not None:
        jwk["x5c"] = [_der(key.certificate.public_bytes(Encoding.DER))]
    return jwk


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _der(content: bytes) -> str:
    return b64encode(content).decode("ascii")
