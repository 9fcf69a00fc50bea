"""Writing what was issued, with PostgreSQL's COPY: one statement for a whole chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any, Final
from uuid import UUID

import orjson
import sqlalchemy as sa

from certstore.issue import CertificateDraft, start_of_day
from certstore.status import INVALID, State
from exchange.certificates.planning import ISSUED, Planned
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
"""The operation that a certificate's ending up in a state is noted as."""

_CERTIFICATES: Final = (
    "COPY certificates (issuer, type_code, serial, version, type_key, type_version, identifier,"
    " holder_key, holder_id_type, holder_id, holder_name, fields, valid_from, valid_until,"
    " issued_on, issued_at, status_list, status_index, source_key, source_hash, credential,"
    " batch) FROM STDIN"
)
_EVENTS: Final = (
    "COPY certificate_events (issuer, type_code, serial, sequence, version, operation, state,"
    " effective_at, reason, legal_ground, recorded_at, recorded_by) FROM STDIN"
)
_CHANGES: Final = "COPY status_changes (issuer, number, index, value, changed_at) FROM STDIN"
_NULL: Final = r"\N"
_BY_REGISTER_ZH_EN: Final = "登记簿载明 As stated in the register"


@dataclass(frozen=True, slots=True)
class Signed:
    """One version, signed: the plan, what was signed, where its state stands, the result."""

    planned: Planned
    draft: CertificateDraft
    slot: Slot
    holder_key: bytes
    credential: str


def copy_certificates(
    connection: sa.Connection, signed: Iterable[Signed], *, issued_at: datetime, batch: UUID
) -> None:
    """Add the versions. A version that is there already is a unique violation."""
    at, name = issued_at.isoformat(), str(batch)
    _copy(connection, _CERTIFICATES, (_certificate(each, at, name) for each in signed))


def copy_events(
    connection: sa.Connection, signed: Iterable[Signed], *, now: datetime, recorded_by: str
) -> None:
    """Add what the versions say of their certificates' history."""
    at = now.isoformat()
    lines = [line for each in signed for line in _events(each, at, recorded_by)]
    if lines:
        _copy(connection, _EVENTS, lines)


def status_changes_of(signed: Sequence[Signed]) -> list[tuple[Slot, int]]:
    """What the lists must show of the versions, and of those they supersede."""
    changes: list[tuple[Slot, int]] = []
    for each in signed:
        before = each.planned.supersedes
        if before is not None:
            slot = before.slot
            if slot is None and before.planned is not None:
                slot = signed[before.planned].slot
            if slot is not None:
                changes.append((slot, INVALID))
        state = State.from_code(each.planned.state)
        if state is not State.VALID:
            changes.append((each.slot, state.status_value))
    return changes


def copy_status_changes(
    connection: sa.Connection, issuer: str, changes: Iterable[tuple[Slot, int]], now: datetime
) -> None:
    """Add changes to lists that the caller has locked."""
    at = now.isoformat()
    _copy(
        connection,
        _CHANGES,
        (f"{issuer}\t{slot.number}\t{slot.index}\t{value}\t{at}\n" for slot, value in changes),
    )


def _copy(connection: sa.Connection, statement: str, lines: Iterable[str]) -> None:
    cursor: Any = connection.connection.cursor()
    try:
        cursor.copy_expert(statement, StringIO("".join(lines)))
    finally:
        cursor.close()


def _certificate(signed: Signed, at: str, batch: str) -> str:
    draft, row = signed.draft, signed.planned.row
    identifier, kind, holder = draft.identifier, draft.type, draft.holder
    return (
        "\t".join(
            (
                identifier.issuer,
                identifier.type_code,
                identifier.serial,
                str(identifier.version),
                kind.key,
                str(kind.version),
                str(identifier),
                f"\\\\x{signed.holder_key.hex()}",
                _escaped(holder.id_type),
                _escaped(holder.id),
                _escaped(holder.name),
                _escaped(orjson.dumps(draft.fields).decode()),
                draft.valid_from.isoformat(),
                _day(draft.valid_until),
                draft.issued_on.isoformat(),
                at,
                str(signed.slot.number),
                str(signed.slot.index),
                _escaped(row.source_key),
                _escaped(row.source_hash),
                signed.credential,
                batch,
            )
        )
        + "\n"
    )


def _events(signed: Signed, at: str, recorded_by: str) -> Iterable[str]:
    planned, identifier = signed.planned, signed.draft.identifier
    key = f"{identifier.issuer}\t{identifier.type_code}\t{identifier.serial}"
    sequence = planned.events

    def line(operation: str, state: State, effective: str) -> str:
        return (
            f"{key}\t{sequence}\t{planned.version}\t{operation}\t{state.code}\t{effective}\t"
            f"{_BY_REGISTER_ZH_EN}\t{_NULL}\t{at}\t{recorded_by}\n"
        )

    if planned.operation != ISSUED:
        sequence += 1
        yield line(planned.operation, State.VALID, at)
    state = State.from_code(planned.state)
    if state is not State.VALID:
        sequence += 1
        since = planned.row.state_since
        yield line(OPERATION_OF[state], state, _instant(since) if since else at)


def _instant(on: date) -> str:
    return datetime.fromtimestamp(start_of_day(on), UTC).isoformat()


def _day(on: date | None) -> str:
    return on.isoformat() if on else _NULL


def _escaped(text: str) -> str:
    r"""A text as COPY reads it: backslash, tab, line feed and return written \\ \t \n \r."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")
    return text
