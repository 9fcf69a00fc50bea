"""Pulls of a department's register, and what waits in quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from exchange.client.cases import Names

UNFINISHED: Final = ("requested", "running")


@dataclass(frozen=True, slots=True)
class Pull:
    """One pull. ``state`` is requested, running, done, held or failed; ``failure`` says why."""

    id: UUID
    register: str
    state: str
    started_at: datetime | None
    received: int
    issued: int
    revised: int
    unchanged: int
    quarantined: int
    failure: Names | None

    @property
    def finished(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.state not in UNFINISHED

    @property
    def adds_up(self) -> bool:
        """Received = issued + revised + unchanged + quarantined."""
        return self.received == self.issued + self.revised + self.unchanged + self.quarantined

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Pull:
        """Read a pull."""
        started = value["started_at"]
        return cls(
            id=UUID(value["pull"]),
            register=value["register"],
            state=value["state"],
            started_at=datetime.fromisoformat(started) if started else None,
            received=value["received"],
            issued=value["issued"],
            revised=value["revised"],
            unchanged=value["unchanged"],
            quarantined=value["quarantined"],
            failure=Names.of(value["failure"]) if value["failure"] else None,
        )


@dataclass(frozen=True, slots=True)
class Register:
    """One of a department's registers, what it feeds, and its newest pull."""

    register: str
    name: Names
    certificate_type: str
    newest_pull: Pull | None

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Register:
        """Read a register."""
        newest = value["newest_pull"]
        return cls(
            register=value["register"],
            name=Names.of(value["name"]),
            certificate_type=value["certificate_type"],
            newest_pull=Pull.of(newest) if newest else None,
        )


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """One fault of one row: where, which rule, and the value masked."""

    row: int
    rule: str
    column: str | None
    severity: str
    masked_value: str | None
    zh: str
    en: str
    last_seen_at: datetime

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> QuarantinedRow:
        """Read one of a quarantine's ``findings``."""
        return cls(
            row=value["row_number"],
            rule=value["rule"],
            column=value["column"] or None,
            severity=value["severity"],
            masked_value=value["masked_value"] or None,
            zh=value["zh"],
            en=value["en"],
            last_seen_at=datetime.fromisoformat(value["last_seen_at"]),
        )
