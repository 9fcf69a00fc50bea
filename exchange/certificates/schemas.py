"""What the certificates room takes and sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from certstore.status import State
from certstore.types import CertificateType
from exchange.certificates.records import Certificate

IDENTIFIER = "1.2.156.3005.2.11440000MB2D01234C001.11440000MB2D01234C.91440101000000001M.001.1"
FindType = Callable[[str, int], CertificateType | None]
"""Finds the version of a type that a certificate was issued under, by key and version."""


class Names(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class CodeOut(Names):
    """A code of the standard with its names."""

    code: str


class OwnCertificateOut(BaseModel):
    """A certificate as its holder sees it, whole."""

    identifier: str
    type: str
    title: Names
    version: int
    state: CodeOut
    issuer: str
    holder_name: str
    fields: dict[str, Any]
    issued_on: date
    valid_from: date | None
    valid_until: date | None

    @classmethod
    def of(cls, certificate: Certificate, state: State, find_type: FindType) -> OwnCertificateOut:
        """The answer's form of one's own certificate."""
        kind = find_type(certificate.type_key, certificate.type_version)
        key = certificate.type_key
        return cls(
            identifier=certificate.identifier,
            type=key,
            title=Names(zh=kind.title.zh, en=kind.title.en) if kind else Names(zh=key, en=key),
            version=certificate.version,
            state=state_out(state),
            issuer=certificate.issuer,
            holder_name=certificate.holder_name,
            fields=dict(certificate.fields),
            issued_on=certificate.issued_on,
            valid_from=certificate.valid_from,
            valid_until=certificate.valid_until,
        )


class OwnCertificatesOut(BaseModel):
    """The newest version of each of the applicant's certificates."""

    certificates: list[OwnCertificateOut]

    @classmethod
    def of(
        cls,
        held: Sequence[tuple[Certificate, State]],
        find_type: FindType,
    ) -> OwnCertificatesOut:
        """The answer's form of all of them."""
        return cls(certificates=[OwnCertificateOut.of(*each, find_type) for each in held])


class TrustOut(BaseModel):
    """Whom to trust: issuers, the hub and its log, as of a moment."""

    as_of: datetime
    issuers: list[dict[str, Any]]
    hub: dict[str, Any]
    root: Annotated[
        dict[str, str] | None,
        Field(description="the root's certificate and revocation list: DER, base64"),
    ] = None
    log: dict[str, str]


def state_out(state: State) -> CodeOut:
    """The answer's form of a state."""
    return CodeOut(code=state.code, zh=state.zh, en=state.en)
