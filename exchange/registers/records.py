"""Pulls and quarantined rows, as everyone above the repository sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

UNFINISHED: Final = ("requested", "running")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a pull was held or failed."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Pull:
    """One reading of a register.

    ``state`` is one of requested, running, done, held, failed. Once done,
    received = issued + revised + unchanged + quarantined.
    """

    id: UUID
    department: str
    register: str
    state: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    received: int
    issued: int
    revised: int
    unchanged: int
    quarantined: int
    failure_code: str | None
    failure_zh: str | None
    failure_en: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one row; the value is masked."""

    row_number: int
    content_hash: str
    rule: str
    column: str
    severity: str
    masked_value: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A finding as it stands in quarantine, and which pulls saw it first and last."""

    id: int
    finding: Finding
    first_pull: UUID
    first_seen_at: datetime
    last_pull: UUID
    last_seen_at: datetime
