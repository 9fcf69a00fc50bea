"""Certificates and their history, as everyone above the repository sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from certstore.history import BY_REGISTER, statement_of_credential
from certstore.issue import CIVIL_UTC_OFFSET, start_of_day
from certstore.life_cycle import FIRST, ISSUE, ISSUING, Timeline, timeline
from certstore.status import State

_CIVIL: Final = timedelta(seconds=CIVIL_UTC_OFFSET)
AS_REGISTERED: Final = "as-registered"
AS_STATED: Final = "登记簿载明 · As stated in the register"


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
    """One issued version. ``effective_at`` is when it takes over, None where at its issue."""

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
    effective_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same through all versions: issuer, type code, serial."""
        return self.issuer, self.type_code, self.serial


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a certificate; ``sequence`` counts from 0, its first issue.

    ``statement`` is the compact JWS by which the issuer says so; ``withdraws`` the sequence of
    the planned event that is called off, ``related`` the identifier of another certificate.
    """

    sequence: int
    version: int
    operation: str
    state: str
    effective_at: datetime
    reason: str
    legal_ground: str | None
    recorded_at: datetime
    recorded_by: str
    reason_code: str = AS_REGISTERED
    withdraws: int | None = None
    related: str | None = None
    statement: str | None = field(default=None, repr=False)

    @property
    def by_register(self) -> bool:
        """Whether it repeats what the issuer's register states."""
        return self.recorded_by.startswith(BY_REGISTER)


def civil_day(at: datetime) -> date:
    """The civil day (UTC+8) of an instant: the one that periods of validity are counted in."""
    return (at + _CIVIL).date()


def beginning_of(day: date) -> datetime:
    """The first instant of a civil day."""
    return datetime.fromtimestamp(start_of_day(day), UTC)


def whole_history(versions: Sequence[Certificate], events: Sequence[Event]) -> list[Event]:
    """The events with the first issue, which a register's certificate has no row for, and each
    with its statement: of what a register states it is the version's own credential.

    ``versions`` from the first one on.
    """
    found = list(events)
    first = versions[0]
    if not any(each.version == 1 and each.operation in FIRST for each in events):
        found.insert(0, _first_issue(first))
    credentials = {each.version: each.credential for each in versions}
    return [
        replace(each, statement=statement_of_credential(credentials[each.version]))
        if each.statement is None and each.operation in ISSUING and each.version in credentials
        else each
        for each in found
    ]


def life_of(
    versions: Sequence[Certificate], events: Sequence[Event], known_at: datetime | None = None
) -> Timeline:
    """How the certificate lived, as known now or at an earlier moment."""
    last_days = {each.version: each.valid_until for each in versions}
    return timeline(whole_history(versions, events), last_days, known_at=known_at)


def state_of(life: Timeline, version: int, moment: datetime) -> State:
    """The state of one version: 99 其他 before it takes over, 05 失效 once superseded."""
    condition = life.condition_of(version, moment)
    return condition.state if condition is not None else State.OTHER


def _first_issue(certificate: Certificate) -> Event:
    return Event(
        sequence=0,
        version=certificate.version,
        operation=ISSUE,
        state=State.VALID.code,
        effective_at=beginning_of(certificate.issued_on),
        reason=AS_STATED,
        legal_ground=None,
        recorded_at=certificate.issued_at,
        recorded_by=BY_REGISTER,
    )
