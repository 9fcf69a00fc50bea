"""电子证照库 · signed electronic certificates: types, identifiers, issuing, status, verifying.

Usable alone: no HTTP server, no database. Each name below is imported on first use, so that
`import certstore.verify` loads neither an object store nor a network module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certstore.errors import CertstoreError
    from certstore.holders import Holder, holder_key
    from certstore.identifiers import CertificateIdentifier, serial_from
    from certstore.issue import CertificateDraft, sign_certificate, sign_chunk
    from certstore.keys import Ed25519Signer, Es256Signer, TrustedKeys
    from certstore.presentation import bind, present
    from certstore.status import State, StatusList
    from certstore.types import CertificateType, load_types
    from certstore.verify import TrustAnchors, Verdict, Verifier, verify

_HOME = {
    "CertificateDraft": "issue",
    "CertificateIdentifier": "identifiers",
    "CertificateType": "types",
    "CertstoreError": "errors",
    "Ed25519Signer": "keys",
    "Es256Signer": "keys",
    "Holder": "holders",
    "State": "status",
    "StatusList": "status",
    "TrustAnchors": "verify",
    "TrustedKeys": "keys",
    "Verdict": "verify",
    "Verifier": "verify",
    "bind": "presentation",
    "holder_key": "holders",
    "load_types": "types",
    "present": "presentation",
    "serial_from": "identifiers",
    "sign_certificate": "issue",
    "sign_chunk": "issue",
    "verify": "verify",
}

__all__ = [
    "CertificateDraft",
    "CertificateIdentifier",
    "CertificateType",
    "CertstoreError",
    "Ed25519Signer",
    "Es256Signer",
    "Holder",
    "State",
    "StatusList",
    "TrustAnchors",
    "TrustedKeys",
    "Verdict",
    "Verifier",
    "bind",
    "holder_key",
    "load_types",
    "present",
    "serial_from",
    "sign_certificate",
    "sign_chunk",
    "verify",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"certstore.{home}"), name)
