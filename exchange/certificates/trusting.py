"""Whom to trust: the document that lets anyone verify this hub's certificates offline."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from certstore.keys import Signer
from exchange.certificates.places import Places
from exchange.governance.snapshot import Snapshot


class _LogVerifier(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def vkey(self) -> str: ...


class _LogSigner(Protocol):
    @property
    def verifier(self) -> _LogVerifier: ...


class Keys(Protocol):
    """The keys this room needs (``exchange.keys.Keyring``)."""

    @property
    def answers(self) -> Signer: ...

    @property
    def log(self) -> _LogSigner: ...

    def issuer(self, department: str) -> Signer:
        """The key that signs for a department. Raises certstore's KeyFault."""
        ...

    def issuers(self) -> list[str]:
        """The departments that have a key."""
        ...


def trust_document(keys: Keys, places: Places, snapshot: Snapshot, now: datetime) -> dict[str, Any]:
    """The document that ``certstore.trust.TrustAnchors.from_json`` reads."""
    issuers = [
        {
            "id": places.issuer(code),
            "department": code,
            "name": {"zh": department.name_zh, "en": department.name_en},
            "types": sorted(key for key, kind in snapshot.types.items() if kind.may_issue(code)),
            "jwks": {"keys": [keys.issuer(code).public_jwk()]},
        }
        for code in keys.issuers()
        if (department := snapshot.departments.get(code)) is not None
    ]
    return {
        "as_of": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "issuers": issuers,
        "hub": {"jwks": {"keys": [keys.answers.public_jwk()]}},
        "log": {"origin": keys.log.verifier.name, "key": keys.log.verifier.vkey},
    }
