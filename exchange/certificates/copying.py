"""Writing what was issued, with PostgreSQL's COPY: one statement for a whole chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import sqlalchemy as sa

from certstore.life_cycle import (
    CANCEL,
    LAPSE,
    OTHERWISE,
    REVOKE,
    SUSPEND,
    TRANSFER_OUT,
    WITHDRAW,
)
from certstore.status import INVALID, SUSPENDED, VALID, State
from exchange.certificates.chunks import COLUMNS, EVENT_COLUMNS, NULL
from exchange.certificates.planning import Planned
from exchange.certificates.records import Slot, beginning_of

OPERATION_OF: Final[Mapping[State, str]] = {
    State.SUSPENDED: SUSPEND,
    State.WITHDRAWN: WITHDRAW,
    State.CANCELLED: CANCEL,
    State.EXPIRED: LAPSE,
    State.TRANSFERRED: TRANSFER_OUT,
    State.REVOKED: REVOKE,
    State.OTHER: OTHERWISE,
}
"""The operation by which a certificate comes into a state that its register states."""

_CERTIFICATES: Final = f"COPY certificates ({COLUMNS}) FROM STDIN"
_EVENTS: Final = f"COPY certificate_events ({EVENT_COLUMNS}) FROM STDIN"
_CHANGES: Final = (
    "COPY status_changes (issuer, number, index, value, changed_at, effective_at) FROM STDIN"
)


@dataclass(frozen=True, slots=True)
class Change:
    """What a list must show of one place; ``effective_at`` None is at once."""

    slot: Slot
    value: int
    effective_at: datetime | None = None


def copy_certificates(connection: sa.Connection, lines: bytes) -> None:
    """Add versions. One that is there already is psycopg2's UniqueViolation."""
    _copy(connection, _CERTIFICATES, lines)


def copy_events(connection: sa.Connection, lines: bytes) -> None:
    """Add what happened to certificates. An event that is there already is UniqueViolation."""
    if lines:
        _copy(connection, _EVENTS, lines)


def status_changes_of(
    versions: Sequence[Planned], slots: Sequence[Slot], now: datetime
) -> list[Change]:
    """What the lists must show of the versions, and of those they supersede."""
    changes: list[Change] = []
    for planned, slot in zip(versions, slots, strict=True):
        begins = planned.effective_at
        later = begins if begins is not None and begins > now else None
        for before in planned.supersedes:
            earlier = slots[before.planned] if before.planned is not None else before.slot
            if earlier is not None:
                changes.append(Change(earlier, INVALID, later))
        if later is not None:
            # Still to come: nobody may take it for valid beside the version it will supersede.
            changes.append(Change(slot, SUSPENDED))
            changes.append(Change(slot, VALID, later))
        state = State.from_code(planned.state)
        if state is not State.VALID:
            since = planned.row.state_since
            at = beginning_of(since) if since is not None else now
            moments = [each for each in (at, later) if each is not None and each > now]
            changes.append(Change(slot, state.status_value, max(moments, default=None)))
    return changes


def copy_status_changes(
    connection: sa.Connection, issuer: str, changes: Iterable[Change], now: datetime
) -> None:
    """Add changes to lists that the caller has locked."""
    at = now.isoformat()
    lines = [
        f"{issuer}\t{each.slot.number}\t{each.slot.index}\t{each.value}\t{at}\t"
        f"{each.effective_at.isoformat() if each.effective_at else NULL}\n"
        for each in changes
    ]
    _copy(connection, _CHANGES, "".join(lines).encode())


def _copy(connection: sa.Connection, statement: str, lines: bytes) -> None:
    cursor: Any = connection.connection.cursor()
    try:
        cursor.copy_expert(statement, BytesIO(lines), 1 << 20)
    finally:
        cursor.close()
