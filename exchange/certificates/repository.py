"""Rows of the certificates room: what is read one by one. Issuing writes through ``copying``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from certstore.status import State
from exchange.certificates.planning import History, Standing
from exchange.certificates.records import Certificate, Event, Slot
from exchange.certificates.tables import (
    certificate_events,
    certificates,
    issue_batches,
    status_changes,
    status_lists,
)

BY_REGISTER: Final = "register:"
"""How ``recorded_by`` of an event begins that a register stated; others name a system."""


def find_version(
    connection: sa.Connection, issuer: str, type_code: str, serial: str, version: int
) -> Certificate | None:
    """One version of a certificate."""
    row = connection.execute(
        sa.select(certificates).where(
            certificates.c.issuer == issuer,
            certificates.c.type_code == type_code,
            certificates.c.serial == serial,
            certificates.c.version == version,
        )
    ).one_or_none()
    return certificate_of(row) if row else None


def versions(
    connection: sa.Connection, issuer: str, type_code: str, serial: str
) -> list[Certificate]:
    """Every version of a certificate, the first one first."""
    rows = connection.execute(
        sa.select(certificates)
        .where(
            certificates.c.issuer == issuer,
            certificates.c.type_code == type_code,
            certificates.c.serial == serial,
        )
        .order_by(certificates.c.version)
    )
    return [certificate_of(row) for row in rows]


def newest_of_holder(connection: sa.Connection, holder_key: bytes) -> list[Certificate]:
    """The newest version of each certificate of a holder, by type and serial."""
    c = certificates.c
    newest = (
        sa.select(certificates)
        .ext(distinct_on(c.issuer, c.type_code, c.serial))
        .where(c.holder_key == holder_key)
        .order_by(c.issuer, c.type_code, c.serial, c.version.desc())
    )
    found = [certificate_of(row) for row in connection.execute(newest)]
    return sorted(found, key=lambda each: (each.type_key, each.serial))


def newest_version(
    connection: sa.Connection, issuer: str, type_code: str, serial: str
) -> int | None:
    """The number of the newest version of a certificate."""
    found: int | None = connection.execute(
        sa.select(sa.func.max(certificates.c.version)).where(
            certificates.c.issuer == issuer,
            certificates.c.type_code == type_code,
            certificates.c.serial == serial,
        )
    ).scalar_one()
    return found


def events(connection: sa.Connection, issuer: str, type_code: str, serial: str) -> list[Event]:
    """Everything that happened to a certificate, in order."""
    rows = connection.execute(
        sa.select(certificate_events)
        .where(
            certificate_events.c.issuer == issuer,
            certificate_events.c.type_code == type_code,
            certificate_events.c.serial == serial,
        )
        .order_by(certificate_events.c.sequence)
    )
    return [event_of(row) for row in rows]


def latest_events(
    connection: sa.Connection, keys: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Event]:
    """The last event of each certificate that has one, by issuer, type code and serial."""
    if not keys:
        return {}
    e = certificate_events.c
    rows = connection.execute(
        sa.select(certificate_events)
        .ext(distinct_on(e.issuer, e.type_code, e.serial))
        .where(sa.tuple_(e.issuer, e.type_code, e.serial).in_(keys))
        .order_by(e.issuer, e.type_code, e.serial, e.sequence.desc())
    )
    return {(row.issuer, row.type_code, row.serial): event_of(row) for row in rows}


def histories(
    connection: sa.Connection, issuer: str, type_code: str, serials: Sequence[str]
) -> dict[str, History]:
    """What is there of each serial that has a certificate."""
    c = certificates.c
    rows = connection.execute(
        sa.select(
            c.serial, c.version, c.source_key, c.source_hash, c.valid_from, c.valid_until,
            c.status_list, c.status_index, issue_batches.c.pull,
        )
        .join_from(certificates, issue_batches, issue_batches.c.id == c.batch, isouter=True)
        .where(
            c.issuer == issuer,
            c.type_code == type_code,
            c.serial == sa.any_(sa.bindparam("serials", list(serials), sa.ARRAY(sa.Text))),
        )
        .order_by(c.serial, c.version)
    )  # fmt: skip
    found: dict[str, list[Standing]] = defaultdict(list)
    for row in rows:
        found[row.serial].append(
            Standing(
                row.version, row.source_key, row.source_hash, row.valid_from, row.valid_until,
                Slot(row.status_list, row.status_index), pull=row.pull,
            )
        )  # fmt: skip
    latest = latest_events(connection, [(issuer, type_code, serial) for serial in found])
    return {
        serial: _history(standing, latest.get((issuer, type_code, serial)))
        for serial, standing in found.items()
    }


def _history(standing: list[Standing], latest: Event | None) -> History:
    if latest is None:
        return History(tuple(standing))
    by_act = not latest.recorded_by.startswith(BY_REGISTER)
    return History(tuple(standing), latest.sequence, latest.state, by_act)


def add_batch(
    connection: sa.Connection,
    *,
    batch: UUID,
    issuer: str,
    type_code: str,
    planned: int,
    pull: UUID | None,
    now: datetime,
) -> None:
    """Write the intent to issue a batch down."""
    connection.execute(
        sa.insert(issue_batches).values(
            id=batch, issuer=issuer, type_code=type_code, planned=planned, pull=pull,
            intended_at=now,
        )
    )  # fmt: skip


def finish_batch(connection: sa.Connection, batch: UUID, now: datetime) -> None:
    """Write down that a batch has been issued."""
    connection.execute(
        sa.update(issue_batches).where(issue_batches.c.id == batch).values(done_at=now)
    )


def add_event(connection: sa.Connection, key: tuple[str, str, str], event: Event) -> None:
    """Add what happened to a certificate; the sequence number must be the next one."""
    issuer, type_code, serial = key
    connection.execute(
        sa.insert(certificate_events).values(
            issuer=issuer, type_code=type_code, serial=serial, sequence=event.sequence,
            version=event.version, operation=event.operation, state=event.state,
            effective_at=event.effective_at, reason=event.reason,
            legal_ground=event.legal_ground, recorded_at=event.recorded_at,
            recorded_by=event.recorded_by,
        )
    )  # fmt: skip


def lock_status_lists(connection: sa.Connection, issuer: str, numbers: Iterable[int]) -> None:
    """Hold the lists that are about to change: of two changes the later number commits later."""
    connection.execute(
        sa.select(status_lists.c.number)
        .where(status_lists.c.issuer == issuer, status_lists.c.number.in_(sorted(set(numbers))))
        .order_by(status_lists.c.number)
        .with_for_update()
    ).all()


def add_status_change(
    connection: sa.Connection, issuer: str, slot: Slot, state: State, now: datetime
) -> None:
    """Publish a state; the list must be locked."""
    connection.execute(
        sa.insert(status_changes).values(
            issuer=issuer, number=slot.number, index=slot.index, value=state.status_value,
            changed_at=now,
        )
    )  # fmt: skip


def certificate_of(row: Any) -> Certificate:
    """The record of a row."""
    return Certificate(
        issuer=row.issuer, type_code=row.type_code, serial=row.serial, version=row.version,
        type_key=row.type_key, type_version=row.type_version, identifier=row.identifier,
        holder_key=bytes(row.holder_key), holder_id_type=row.holder_id_type,
        holder_id=row.holder_id, holder_name=row.holder_name, fields=row.fields,
        valid_from=row.valid_from, valid_until=row.valid_until, issued_on=row.issued_on,
        issued_at=row.issued_at, slot=Slot(row.status_list, row.status_index),
        source_key=row.source_key, source_hash=row.source_hash, credential=row.credential,
        batch=row.batch,
    )  # fmt: skip


def event_of(row: Any) -> Event:
    """The record of a row."""
    return Event(
        row.sequence, row.version, row.operation, row.state, row.effective_at, row.reason,
        row.legal_ground, row.recorded_at, row.recorded_by,
    )  # fmt: skip
