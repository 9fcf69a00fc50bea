"""Rows of the presentations room. That a code is used up writes the lookup's own transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from exchange.presentations.records import Presentation
from exchange.presentations.tables import presentations


def add(connection: sa.Connection, made: Presentation) -> None:
    """Write a showing down."""
    connection.execute(
        sa.insert(presentations).values(
            id=made.id, code_hash=made.code_hash, holder_key=made.holder_key,
            identifier=made.identifier, certificate_type=made.certificate_type,
            fields=sorted(made.fields), audience=made.audience, made_at=made.made_at,
            expires_at=made.expires_at, state=made.stored,
        )
    )  # fmt: skip


def find_by_code(connection: sa.Connection, code_hash: bytes) -> Presentation | None:
    """The showing of a code, by the code's hash."""
    row = connection.execute(
        sa.select(presentations).where(presentations.c.code_hash == code_hash)
    ).one_or_none()
    return _presentation(row) if row else None


def lock(connection: sa.Connection, presentation: UUID) -> Presentation | None:
    """The showing of that id, locked until the transaction ends."""
    row = connection.execute(
        sa.select(presentations).where(presentations.c.id == presentation).with_for_update()
    ).one_or_none()
    return _presentation(row) if row else None


def withdraw(connection: sa.Connection, presentation: UUID, now: datetime) -> None:
    """End a locked, open showing."""
    connection.execute(
        sa.update(presentations)
        .where(presentations.c.id == presentation)
        .values(state="withdrawn", ended_at=now)
    )


def of_holder(
    connection: sa.Connection, holder_key: bytes, *, before: UUID | None, limit: int
) -> list[Presentation]:
    """What a holder showed, newest first, older than ``before`` where it is given."""
    query = sa.select(presentations).where(presentations.c.holder_key == holder_key)
    if before is not None:
        query = query.where(presentations.c.id < before)
    rows = connection.execute(query.order_by(presentations.c.id.desc()).limit(limit))
    return [_presentation(row) for row in rows]


def count_open(connection: sa.Connection, holder_key: bytes, now: datetime) -> int:
    """How many codes of a holder could be used now."""
    counted: int = connection.execute(
        sa.select(sa.func.count()).where(
            presentations.c.holder_key == holder_key,
            presentations.c.state == "open",
            presentations.c.expires_at > now,
        )
    ).scalar_one()
    return counted


def _presentation(row: Any) -> Presentation:
    return Presentation(
        id=row.id, code_hash=bytes(row.code_hash), holder_key=bytes(row.holder_key),
        identifier=row.identifier, certificate_type=row.certificate_type,
        fields=frozenset(row.fields), audience=row.audience, made_at=row.made_at,
        expires_at=row.expires_at, stored=row.state, ended_at=row.ended_at, lookup=row.lookup,
        used_by=row.used_by,
    )  # fmt: skip
