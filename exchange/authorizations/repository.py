"""Rows of the authorizations room."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from exchange.authorizations.records import Authorization
from exchange.authorizations.tables import authorization_uses, authorizations
from exchange.cases.tables import cases

_CALCULATED = {"case_number", "item", "fields"}


def _selected() -> sa.Select[Any]:
    return sa.select(authorizations, cases.c.case_number).join(
        cases, cases.c.id == authorizations.c.case_id
    )


def find(connection: sa.Connection, authorization: UUID) -> Authorization | None:
    """The authorization of that id."""
    row = connection.execute(_selected().where(authorizations.c.id == authorization)).one_or_none()
    return _authorization(row) if row else None


def lock(connection: sa.Connection, authorization: UUID) -> Authorization | None:
    """The authorization of that id, locked until the transaction ends."""
    row = connection.execute(
        _selected().where(authorizations.c.id == authorization).with_for_update(of=authorizations)
    ).one_or_none()
    return _authorization(row) if row else None


def of_cases(
    connection: sa.Connection, wanted: Collection[UUID]
) -> dict[UUID, list[Authorization]]:
    """Every authorization asked for in these cases, by case, oldest first."""
    found: dict[UUID, list[Authorization]] = {case: [] for case in wanted}
    rows = connection.execute(
        _selected().where(authorizations.c.case_id.in_(list(wanted))).order_by(authorizations.c.id)
    )
    for row in rows:
        found[row.case_id].append(_authorization(row))
    return found


def of_holder(
    connection: sa.Connection, holder_key: bytes, *, before: UUID | None, limit: int
) -> list[Authorization]:
    """What was asked of a holder, newest first, older than ``before`` where it is given."""
    query = _selected().where(authorizations.c.holder_key == holder_key)
    if before is not None:
        query = query.where(authorizations.c.id < before)
    rows = connection.execute(query.order_by(authorizations.c.id.desc()).limit(limit))
    return [_authorization(row) for row in rows]


def add(connection: sa.Connection, new: Sequence[Authorization]) -> None:
    """Ask for authorizations."""
    rows = [
        {
            each.name: getattr(record, each.name)
            for each in fields(Authorization)
            if each.name not in _CALCULATED
        }
        | {"item_code": record.item, "fields": sorted(record.fields)}
        for record in new
    ]
    connection.execute(sa.insert(authorizations), rows)


def decide(connection: sa.Connection, decided: Authorization) -> None:
    """Write a holder's decision on a locked authorization."""
    connection.execute(
        sa.update(authorizations)
        .where(authorizations.c.id == decided.id)
        .values(
            state=decided.state,
            decided_at=decided.decided_at,
            valid_from=decided.valid_from,
            valid_until=decided.valid_until,
            valid_days=decided.valid_days,
            uses_max=decided.uses_max,
            fields=sorted(decided.fields),
            artefact=decided.artefact,
        )
    )


def take_use(
    connection: sa.Connection, authorization: Authorization, *, by: UUID, now: datetime
) -> None:
    """Take one use of a locked authorization for a lookup or a reuse."""
    connection.execute(
        sa.update(authorizations)
        .where(authorizations.c.id == authorization.id)
        .values(uses_taken=authorization.uses_taken + 1)
    )
    connection.execute(
        sa.insert(authorization_uses).values(
            authorization_id=authorization.id,
            use_number=authorization.uses_taken + 1,
            lookup=by,
            used_at=now,
        )
    )


def _authorization(row: Any) -> Authorization:
    return Authorization(
        id=row.id,
        case_id=row.case_id,
        case_number=row.case_number,
        department=row.department,
        system=row.system,
        item=row.item_code,
        material=row.material,
        holder_id_type=row.holder_id_type,
        holder_key=bytes(row.holder_key),
        basis=row.basis,
        certificate_type=row.certificate_type,
        material_kind=row.material_kind,
        fields=frozenset(row.fields),
        uses_max=row.uses_max,
        uses_taken=row.uses_taken,
        valid_days=row.valid_days,
        state=row.state,
        requested_at=row.requested_at,
        decided_at=row.decided_at,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        artefact=row.artefact,
    )
