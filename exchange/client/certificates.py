"""Certificates as their issuer, their holder and whoever verifies them see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from exchange.client.cases import Names


@dataclass(frozen=True, slots=True)
class StateName:
    """A state of a certificate: its code and its names."""

    code: str
    zh: str
    en: str

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> StateName:
        """Read a ``{code, zh, en}`` object."""
        return cls(value["code"], value["zh"], value["en"])


@dataclass(frozen=True, slots=True)
class Standing:
    """A certificate as its issuer sees it: state and versions, the holder masked."""

    identifier: str
    type: str
    version: int
    state: StateName
    versions: tuple[str, ...]
    history: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Standing:
        """Read a certificate's standing."""
        return cls(
            identifier=value["identifier"],
            type=value["type"],
            version=value["version"],
            state=StateName.of(value["state"]),
            versions=tuple(each["identifier"] for each in value["versions"]),
            history=tuple(value["history"]),
        )


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate as its holder sees it, whole."""

    identifier: str
    type: str
    title: Names
    version: int
    state: StateName
    fields: Mapping[str, Any] = field(repr=False)
    valid_from: date | None
    valid_until: date | None

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> OwnCertificate:
        """Read one of ``/v1/me/certificates``."""
        return cls(
            identifier=value["identifier"],
            type=value["type"],
            title=Names.of(value["title"]),
            version=value["version"],
            state=StateName.of(value["state"]),
            fields=dict(value["fields"]),
            valid_from=_day(value["valid_from"]),
            valid_until=_day(value["valid_until"]),
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a verdict: valid, invalid or unknown, and why."""

    outcome: str
    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The hub's verdict on a certificate, in parts; a part is None where nothing was found.

    ``kind`` says what was shown: credential, pdf or identifier. ``holder_match`` says whether
    whoever shows it proved to be its holder, ``record`` whether this very file is on the hub's
    record. ``facts`` says for each supplied fact how it compares.
    """

    kind: str
    found: bool | None
    identifier: str | None
    integrity: Part | None
    issuer: Part | None
    status: Part | None
    validity: Part | None
    holder_match: Part | None
    record: Part | None
    facts: Mapping[str, str]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Verification:
        """Read an answer of ``/v1/verifications``."""
        facts = value["facts"] or {}
        return cls(
            kind=value["kind"],
            found=value["found"],
            identifier=value["identifier"],
            integrity=_part(value["integrity"]),
            issuer=_part(value["issuer"]),
            status=_part(value["status"]),
            validity=_part(value["validity"]),
            holder_match=_part(value["holder_match"]),
            record=_part(value["record"]),
            facts={name: each["outcome"] for name, each in facts.items()},
        )


def _part(value: Mapping[str, Any] | None) -> Part | None:
    if value is None:
        return None
    return Part(value["outcome"], value["code"], value["zh"], value["en"])


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
