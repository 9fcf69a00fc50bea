"""Rows of the items room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from exchange.items.tables import items


def find_newest(connection: sa.Connection, code: str) -> tuple[int, str] | None:
    """Version and digest of the newest publication of an item."""
    row = connection.execute(
        sa.select(items.c.version, items.c.digest)
        .where(items.c.code == code)
        .order_by(items.c.version.desc())
        .limit(1)
    ).one_or_none()
    return (row.version, row.digest) if row else None


def find_definition(connection: sa.Connection, code: str, version: int) -> Mapping[str, Any] | None:
    """The definition of one publication."""
    found: Mapping[str, Any] | None = connection.execute(
        sa.select(items.c.definition).where(items.c.code == code, items.c.version == version)
    ).scalar_one_or_none()
    return found


def add(
    connection: sa.Connection,
    *,
    code: str,
    version: int,
    digest: str,
    definition: Mapping[str, Any],
    now: datetime,
) -> None:
    """Publish one version."""
    connection.execute(
        sa.insert(items).values(
            code=code, version=version, digest=digest, definition=definition, published_at=now
        )
    )
