"""Finding records for auditors: by who, whom, when, which case, item and kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from exchange.audit.stored import Cursor
from exchange.audit.tables import audit_records as records


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for; None asks for nothing. `holder` is (id type, id) and is never shown.

    Times are aware: `since` inclusive, `until` exclusive. `before` continues after a page: only
    records of a lower index.
    """

    kind: str | None = None
    department: str | None = None
    system: str | None = None
    operator: str | None = None
    case: str | None = None
    item: str | None = None
    lookup: str | None = None
    holder: tuple[str, str] | None = field(default=None, repr=False)
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 100


def find_records(
    connection: sa.Connection, asked: Question, holder: bytes | None
) -> list[sa.Row[Any]]:
    """The rows that fit, the newest first; `holder` is the HMAC of the holder asked for."""
    query = sa.select(records, records.c.index.label("position"))
    wanted = (
        (records.c.kind, asked.kind),
        (records.c.department, asked.department),
        (records.c.system, asked.system),
        (records.c.operator, asked.operator),
        (records.c.case_number, asked.case),
        (records.c.lookup, asked.lookup),
        (records.c.subject, holder),
    )
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    if asked.item is not None:
        document = sa.cast(sa.func.convert_from(records.c.body, "UTF8"), JSONB)
        query = query.where(document["item"].astext == asked.item)
    if asked.since is not None:
        query = query.where(records.c.recorded_at >= asked.since)
    if asked.until is not None:
        query = query.where(records.c.recorded_at < asked.until)
    if asked.before is not None:
        query = query.where(records.c.index < asked.before)
    ordered = query.order_by(records.c.index.desc()).limit(asked.limit)
    return list(connection.execute(ordered).all())


def find_lookup(cursor: Cursor, lookup: str) -> int | None:
    """The index of the record that answered or refused a lookup, or None."""
    cursor.execute(
        "SELECT index FROM audit_records WHERE lookup = %s AND kind IN ('lookup', 'refusal')"
        " ORDER BY index LIMIT 1",
        (lookup,),
    )
    row = cursor.fetchone()
    return row[0] if row else None
