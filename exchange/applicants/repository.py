"""Reads what the log holds about one holder."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from exchange.applicants.records import Seen
from exchange.audit.tables import audit_records

# Every kind of record that says a department saw, or tried to see, something of the holder.
KINDS = (
    "lookup", "refusal", "material-read", "material-reused", "verification", "copy-made",
    "copy-read",
)  # fmt: skip


def seen(
    connection: sa.Connection, holder_key: bytes, *, before: int | None, limit: int
) -> list[Seen]:
    """What departments looked at, newest first, below the index ``before`` where it is given.

    Refusals count where a department asked; those of the holder's own requests do not.
    """
    body = sa.cast(sa.func.convert_from(audit_records.c.body, "UTF8"), JSONB)
    query = sa.select(audit_records.c.index, body.label("record")).where(
        audit_records.c.subject == holder_key,
        audit_records.c.kind.in_(KINDS),
        body.has_key("department"),
    )
    if before is not None:
        query = query.where(audit_records.c.index < before)
    rows = connection.execute(query.order_by(audit_records.c.index.desc()).limit(limit))
    return [Seen(index, record) for index, record in rows]
