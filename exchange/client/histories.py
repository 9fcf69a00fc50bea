"""A certificate's history as the hub tells it, and the proof of it, which needs no hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certstore.errors import CertstoreError
from certstore.history import VerifiedHistory, verify_history
from certstore.identifiers import CertificateIdentifier
from certstore.trust import TrustAnchors
from exchange.client.problems import YiciUnproven


@dataclass(frozen=True, slots=True)
class History:
    """All that happened to a certificate and is planned: ``events`` as the hub sends them, in
    the order they were recorded, each with the issuer's signed ``statement``."""

    identifier: str
    versions: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> History:
        """Read an answer with ``versions`` and ``history``."""
        return cls(value["identifier"], tuple(value["versions"]), tuple(value["history"]))

    @property
    def statements(self) -> list[str]:
        """What the issuer signed, in order. What the calendar does needs no signature."""
        return [str(each["statement"]) for each in self.events if each.get("statement")]

    def prove(self, trust: Mapping[str, Any]) -> VerifiedHistory:
        """Check every signature, the chain and every transition, with a trust document alone.

        Raises:
            YiciUnproven: it does not hold (the first fault says why), or is of another
                certificate than it says.
        """
        found = verify_history(self.statements, TrustAnchors.from_json(trust))
        if found.faults:
            first = found.faults[0]
            raise YiciUnproven(first.code, first.zh, first.en)
        if _place(found.statements[0].identifier) != _place(self.identifier):
            raise YiciUnproven(
                "other-certificate", "履历属于另一证照", "the history is of another certificate"
            )
        return found


def _place(identifier: str) -> tuple[str, str, str] | None:
    try:
        read = CertificateIdentifier.parse(identifier)
    except CertstoreError:
        return None
    return read.issuer, read.type_code, read.serial
