"""Rows of the registers room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert

from exchange.registers.records import UNFINISHED, Finding, Pull, Waiting
from exchange.registers.tables import pulls, quarantine

_PULL = [pulls.c[name] for name in Pull.__dataclass_fields__]
_AT_ONCE = 1000


def add_pull(
    connection: sa.Connection,
    *,
    pull: UUID,
    department: str,
    register: str,
    requested_by: str,
    now: datetime,
) -> bool:
    """Request a pull. False where one of the same register is not finished yet."""
    added = connection.execute(
        insert(pulls)
        .values(
            id=pull,
            department=department,
            register=register,
            state="requested",
            requested_by=requested_by,
            requested_at=now,
        )
        .on_conflict_do_nothing()
        .returning(pulls.c.id)
    ).one_or_none()
    return added is not None


def find_pull(connection: sa.Connection, pull: UUID) -> Pull | None:
    """The pull of an id."""
    row = connection.execute(sa.select(*_PULL).where(pulls.c.id == pull)).one_or_none()
    return Pull(*row) if row else None


def find_unfinished(connection: sa.Connection, register: str) -> Pull | None:
    """The pull of a register that is requested or running."""
    row = connection.execute(
        sa.select(*_PULL).where(pulls.c.register == register, pulls.c.state.in_(UNFINISHED))
    ).one_or_none()
    return Pull(*row) if row else None


def unfinished(connection: sa.Connection) -> list[Pull]:
    """Every pull that is requested or running, the oldest first."""
    rows = connection.execute(
        sa.select(*_PULL).where(pulls.c.state.in_(UNFINISHED)).order_by(pulls.c.requested_at)
    )
    return [Pull(*row) for row in rows]


def newest(connection: sa.Connection, registers: Sequence[str]) -> dict[str, Pull]:
    """The newest pull of each register that has one."""
    rows = connection.execute(
        sa.select(*_PULL)
        .where(pulls.c.register.in_(registers))
        .ext(distinct_on(pulls.c.register))
        .order_by(pulls.c.register, pulls.c.requested_at.desc())
    )
    return {pull.register: pull for pull in (Pull(*row) for row in rows)}


def change(connection: sa.Connection, pull: UUID, values: Mapping[str, Any]) -> None:
    """Write how far a pull has come."""
    connection.execute(sa.update(pulls).where(pulls.c.id == pull).values(**values))


def put_findings(
    connection: sa.Connection, pull: Pull, findings: Sequence[Finding], now: datetime
) -> None:
    """Put findings into quarantine; one that stands there already is seen again, not doubled."""
    # Two rules of one name may question the same cell; one statement may not meet a row twice.
    distinct = list({_key(finding): finding for finding in findings}.values())
    for start in range(0, len(distinct), _AT_ONCE):
        statement = insert(quarantine).values(
            [
                {
                    "department": pull.department,
                    "register": pull.register,
                    "row_number": finding.row_number,
                    "content_hash": finding.content_hash,
                    "rule": finding.rule,
                    "column_name": finding.column,
                    "severity": finding.severity,
                    "masked_value": finding.masked_value,
                    "zh": finding.zh,
                    "en": finding.en,
                    "first_pull": pull.id,
                    "first_seen_at": now,
                    "last_pull": pull.id,
                    "last_seen_at": now,
                }
                for finding in distinct[start : start + _AT_ONCE]
            ]
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["register", "row_number", "content_hash", "rule", "column_name"],
                set_={"last_pull": pull.id, "last_seen_at": now},
            )
        )


def waiting(connection: sa.Connection, register: str, *, after: int, limit: int) -> list[Waiting]:
    """Findings of a register in the order they were first seen, from after an id on."""
    rows = connection.execute(
        sa.select(quarantine)
        .where(quarantine.c.register == register, quarantine.c.id > after)
        .order_by(quarantine.c.id)
        .limit(limit)
    )
    return [
        Waiting(
            row.id,
            Finding(
                row.row_number, row.content_hash, row.rule, row.column_name, row.severity,
                row.masked_value, row.zh, row.en,
            ),
            row.first_pull,
            row.first_seen_at,
            row.last_pull,
            row.last_seen_at,
        )
        for row in rows
    ]  # fmt: skip


def _key(finding: Finding) -> tuple[int, str, str, str]:
    return finding.row_number, finding.content_hash, finding.rule, finding.column
