"""Writing what was issued, with PostgreSQL's COPY: one statement for a whole chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any, Final

import sqlalchemy as sa

from certstore.issue import start_of_day
from certstore.status import INVALID, State
from exchange.certificates.chunks import COLUMNS, NULL
from exchange.certificates.planning import ISSUED, Planned, events_of
from exchange.certificates.records import Slot

OPERATION_OF: Final[Mapping[State, str]] = {
    State.SUSPENDED: "03",
    State.WITHDRAWN: "05",
    State.CANCELLED: "05",
    State.EXPIRED: "04",
    State.TRANSFERRED: "05",
    State.REVOKED: "05",
    State.OTHER: "09",
}
"""The operation (certstore.status.OPERATIONS) by which a certificate comes into a state."""

_CERTIFICATES: Final = f"COPY certificates ({COLUMNS}) FROM STDIN"
_EVENTS: Final = (
    "COPY certificate_events (issuer, type_code, serial, sequence, version, operation, state,"
    " effective_at, reason, legal_ground, recorded_at, recorded_by) FROM STDIN"
)
_CHANGES: Final = "COPY status_changes (issuer, number, index, value, changed_at) FROM STDIN"
_REASON: Final = "登记簿载明 · As stated in the register"


def copy_certificates(connection: sa.Connection, lines: bytes) -> None:
    """Add versions. One that is there already is psycopg2's UniqueViolation."""
    _copy(connection, _CERTIFICATES, lines)


def copy_events(
    connection: sa.Connection,
    issuer: str,
    type_code: str,
    versions: Iterable[Planned],
    *,
    now: datetime,
    recorded_by: str,
) -> None:
    """Add what the versions say of their certificates' history."""
    at = now.isoformat()
    lines = [
        line
        for planned in versions
        if events_of(planned)
        for line in _events(f"{issuer}\t{type_code}", planned, at, recorded_by)
    ]
    if lines:
        _copy(connection, _EVENTS, "".join(lines).encode())


def status_changes_of(versions: Sequence[Planned], slots: Sequence[Slot]) -> list[tuple[Slot, int]]:
    """What the lists must show of the versions, and of those they supersede."""
    changes: list[tuple[Slot, int]] = []
    for planned, slot in zip(versions, slots, strict=True):
        before = planned.supersedes
        if before is not None:
            earlier = slots[before.planned] if before.planned is not None else before.slot
            if earlier is not None:
                changes.append((earlier, INVALID))
        if planned.state != State.VALID.code:
            changes.append((slot, State.from_code(planned.state).status_value))
    return changes


def copy_status_changes(
    connection: sa.Connection, issuer: str, changes: Iterable[tuple[Slot, int]], now: datetime
) -> None:
    """Add changes to lists that the caller has locked."""
    at = now.isoformat()
    lines = [f"{issuer}\t{slot.number}\t{slot.index}\t{value}\t{at}\n" for slot, value in changes]
    _copy(connection, _CHANGES, "".join(lines).encode())


def _copy(connection: sa.Connection, statement: str, lines: bytes) -> None:
    cursor: Any = connection.connection.cursor()
    try:
        cursor.copy_expert(statement, BytesIO(lines), 1 << 20)
    finally:
        cursor.close()


def _events(issuer_and_type: str, planned: Planned, at: str, by: str) -> Iterable[str]:
    sequence = planned.events

    def line(operation: str, state: State, effective: str) -> str:
        return (
            f"{issuer_and_type}\t{planned.row.serial}\t{sequence}\t{planned.version}\t"
            f"{operation}\t{state.code}\t{effective}\t{_REASON}\t{NULL}\t{at}\t{by}\n"
        )

    if planned.operation != ISSUED:
        sequence += 1
        yield line(planned.operation, State.VALID, at)
    state = State.from_code(planned.state)
    if state is not State.VALID:
        sequence += 1
        since = planned.row.state_since
        yield line(OPERATION_OF[state], state, _beginning_of(since) if since else at)


def _beginning_of(on: date) -> str:
    return datetime.fromtimestamp(start_of_day(on), UTC).isoformat()
