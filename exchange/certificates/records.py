"""Certificates and their history, as everyone above the repository sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from certstore.issue import CIVIL_UTC_OFFSET
from certstore.status import State

_CIVIL: Final = timedelta(seconds=CIVIL_UTC_OFFSET)


@dataclass(frozen=True, slots=True)
class Issuable:
    """One row of a register, ready to become a version of a certificate.

    ``source_key`` names the row within the register and ``source_hash`` is over its content.
    Several rows of one ``serial`` are its successive terms. ``state`` is one of the codes of
    :class:`certstore.status.State`; ``row_number`` is where the row stands in the register.
    """

    source_key: str
    source_hash: str
    serial: str
    holder_id_type: str
    holder_id: str = field(repr=False)
    holder_name: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    valid_from: date | None
    valid_until: date | None
    issued_on: date | None
    state: str
    state_since: date | None
    row_number: int


@dataclass(frozen=True, slots=True)
class IssueFault:
    """Why one row cannot become a certificate; for quarantine, never a value."""

    row_number: int
    source_key: str
    source_hash: str
    rule: str
    column: str | None
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows given: each row is in exactly one of the four.

    ``issued`` are first versions, ``revised`` later ones; ``faulty`` are rows, of which each has
    one or more of ``faults``. Rows that an earlier attempt of the same pull issued count as issued
    or revised, not as unchanged.
    """

    issued: int = 0
    revised: int = 0
    unchanged: int = 0
    faulty: int = 0
    faults: tuple[IssueFault, ...] = ()

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.issued + other.issued,
            self.revised + other.revised,
            self.unchanged + other.unchanged,
            self.faulty + other.faulty,
            self.faults + other.faults,
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in one of an issuer's status lists."""

    number: int
    index: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """One issued version."""

    issuer: str
    type_code: str
    serial: str
    version: int
    type_key: str
    type_version: int
    identifier: str
    holder_key: bytes = field(repr=False)
    holder_id_type: str
    holder_id: str = field(repr=False)
    holder_name: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    valid_from: date | None
    valid_until: date | None
    issued_on: date
    issued_at: datetime
    slot: Slot
    source_key: str
    source_hash: str
    credential: str = field(repr=False)
    batch: UUID

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same through all versions: issuer, type code, serial."""
        return self.issuer, self.type_code, self.serial


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a certificate; ``sequence`` counts from 1."""

    sequence: int
    version: int
    operation: str
    state: str
    effective_at: datetime
    reason: str
    legal_ground: str | None
    recorded_at: datetime
    recorded_by: str


def civil_day(at: datetime) -> date:
    """The civil day (UTC+8) of an instant: the one that periods of validity are counted in."""
    return (at + _CIVIL).date()


def state_of(certificate: Certificate, newest: int, latest: Event | None, now: datetime) -> State:
    """The state of one version: the last event's, ended by a later version or by the calendar.

    A superseded version is void (失效), whatever became of the certificate since.
    """
    if certificate.version != newest:
        return State.EXPIRED
    stated = State.from_code(latest.state) if latest else State.VALID
    ended = certificate.valid_until is not None and certificate.valid_until < civil_day(now)
    return State.EXPIRED if stated is State.VALID and ended else stated
