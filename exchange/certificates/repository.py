"""Rows of the certificates room: what is read one by one. Issuing writes through ``copying``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from certstore.history import BY_REGISTER
from certstore.life_cycle import ISSUE, timeline
from certstore.status import State
from exchange.certificates.copying import Change
from exchange.certificates.in_force import EVER
from exchange.certificates.planning import History, Standing
from exchange.certificates.records import Certificate, Event, Slot
from exchange.certificates.tables import (
    certificate_events,
    certificates,
    issue_batches,
    status_changes,
    status_lists,
)


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


def of_holder(connection: sa.Connection, holder_key: bytes) -> list[list[Certificate]]:
    """Each certificate of which a holder has a version: all its versions, the first one first."""
    c = certificates.c
    own = sa.select(c.issuer, c.type_code, c.serial).where(c.holder_key == holder_key).distinct()
    rows = connection.execute(
        sa.select(certificates)
        .where(sa.tuple_(c.issuer, c.type_code, c.serial).in_(own))
        .order_by(c.type_key, c.serial, c.issuer, c.type_code, c.version)
    )
    found: dict[tuple[str, str, str], list[Certificate]] = {}
    for row in rows:
        certificate = certificate_of(row)
        found.setdefault(certificate.key, []).append(certificate)
    return list(found.values())


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


def events_of(
    connection: sa.Connection, keys: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], list[Event]]:
    """Everything that happened to each certificate, in order, by issuer, type code and serial."""
    found: dict[tuple[str, str, str], list[Event]] = {key: [] for key in keys}
    if not keys:
        return found
    e = certificate_events.c
    rows = connection.execute(
        sa.select(certificate_events)
        .where(sa.tuple_(e.issuer, e.type_code, e.serial).in_(keys))
        .order_by(e.issuer, e.type_code, e.serial, e.sequence)
    )
    for row in rows:
        found[row.issuer, row.type_code, row.serial].append(event_of(row))
    return found


def histories(
    connection: sa.Connection,
    issuer: str,
    type_code: str,
    serials: Sequence[str],
    now: datetime,
) -> dict[str, History]:
    """What is there of each serial that has a certificate, and how it stands now."""
    c = certificates.c
    rows = connection.execute(
        sa.select(
            c.serial, c.version, c.source_key, c.source_hash, c.valid_from, c.valid_until,
            c.status_list, c.status_index, c.effective_at, issue_batches.c.pull,
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
                effective_at=row.effective_at,
            )
        )  # fmt: skip
    happened = _happened(connection, issuer, type_code, list(found))
    return {
        serial: _history(standing, happened.get(serial), now) for serial, standing in found.items()
    }


def _happened(
    connection: sa.Connection, issuer: str, type_code: str, serials: Sequence[str]
) -> dict[str, list[Event]]:
    e = certificate_events.c
    rows = connection.execute(
        sa.select(certificate_events)
        .where(
            e.issuer == issuer,
            e.type_code == type_code,
            e.serial == sa.any_(sa.bindparam("serials", list(serials), sa.ARRAY(sa.Text))),
        )
        .order_by(e.serial, e.sequence)
    )
    found: dict[str, list[Event]] = defaultdict(list)
    for row in rows:
        found[row.serial].append(event_of(row))
    return found


def _history(standing: list[Standing], happened: list[Event] | None, now: datetime) -> History:
    if not happened:
        return History(tuple(standing))
    events = {each.sequence: each for each in happened}
    if not any(each.version == 1 and each.sequence == 0 for each in happened):
        events[0] = Event(0, 1, ISSUE, State.VALID.code, EVER, "", None, EVER, BY_REGISTER)
    life = timeline(events.values(), {})
    period = life.stated_at(now)
    planned = [each for each in life.periods if each.since > now]
    return History(
        tuple(standing),
        happened[-1].sequence,
        period.condition.state.code if period is not None else State.VALID.code,
        period is not None and not events[period.sequence].by_register,
        any(not events[each.sequence].by_register for each in planned),
        max(each.effective_at for each in happened),
    )


def last_links(
    connection: sa.Connection, issuer: str, type_code: str, serials: Sequence[str]
) -> dict[str, str]:
    """``certstore.history.link`` of the last statement of each of these certificates."""
    if not serials:
        return {}
    rows = connection.execute(_LAST_LINKS, {"key": [issuer, type_code], "serials": list(serials)})
    return {row.serial: row.link for row in rows}


# The statement of an event that has none of its own is the credential of the version it brought.
_LAST_LINKS = sa.text(
    """
    SELECT wanted.serial, encode(sha256(convert_to(
        coalesce(e.statement, split_part(c.credential, '~', 1)), 'UTF8')), 'hex') AS link
    FROM unnest(CAST(:serials AS text[])) AS wanted (serial)
    LEFT JOIN LATERAL (
        SELECT version, statement FROM certificate_events
        WHERE issuer = (CAST(:key AS text[]))[1] AND type_code = (CAST(:key AS text[]))[2]
            AND serial = wanted.serial
        ORDER BY sequence DESC LIMIT 1
    ) e ON true
    JOIN certificates c ON c.issuer = (CAST(:key AS text[]))[1]
        AND c.type_code = (CAST(:key AS text[]))[2]
        AND c.serial = wanted.serial AND c.version = coalesce(e.version, 1)
    """
)


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


def add_certificate(connection: sa.Connection, certificate: Certificate) -> None:
    """Add one version."""
    values = {
        each.name: getattr(certificate, each.name) for each in fields(certificate)
        if each.name != "slot"
    }  # fmt: skip
    values |= {"status_list": certificate.slot.number, "status_index": certificate.slot.index}
    connection.execute(sa.insert(certificates).values(**values))


def add_event(connection: sa.Connection, key: tuple[str, str, str], event: Event) -> None:
    """Add what happened to a certificate; the sequence number must be the next one."""
    issuer, type_code, serial = key
    connection.execute(
        sa.insert(certificate_events).values(
            issuer=issuer, type_code=type_code, serial=serial, sequence=event.sequence,
            version=event.version, operation=event.operation, state=event.state,
            effective_at=event.effective_at, reason=event.reason,
            legal_ground=event.legal_ground, recorded_at=event.recorded_at,
            recorded_by=event.recorded_by, reason_code=event.reason_code,
            withdraws=event.withdraws, related=event.related, statement=event.statement,
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


def add_status_changes(
    connection: sa.Connection, issuer: str, changes: Sequence[Change], now: datetime
) -> None:
    """Publish states, now or at a moment to come; the lists must be locked."""
    if changes:
        connection.execute(
            sa.insert(status_changes),
            [
                {
                    "issuer": issuer,
                    "number": each.slot.number,
                    "index": each.slot.index,
                    "value": each.value,
                    "changed_at": now,
                    "effective_at": each.effective_at,
                }
                for each in changes
            ],
        )


def planned_changes(
    connection: sa.Connection, issuer: str, slots: Mapping[Slot, Any], now: datetime
) -> list[tuple[Slot, datetime]]:
    """The moments to come at which a list will show something else of these places."""
    c = status_changes.c
    rows = connection.execute(
        sa.select(c.number, c.index, c.effective_at)
        .where(
            c.issuer == issuer,
            c.effective_at > now,
            c.number.in_(sorted({slot.number for slot in slots})),
        )
        .distinct()
    )
    found = [(Slot(number, index), at) for number, index, at in rows]
    return [(slot, at) for slot, at in found if slot in slots]


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
        batch=row.batch, effective_at=row.effective_at,
    )  # fmt: skip


def event_of(row: Any) -> Event:
    """The record of a row."""
    return Event(
        row.sequence, row.version, row.operation, row.state, row.effective_at, row.reason,
        row.legal_ground, row.recorded_at, row.recorded_by, row.reason_code, row.withdraws,
        row.related, row.statement,
    )  # fmt: skip
