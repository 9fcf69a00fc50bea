"""Rows of the governance room."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from exchange.departments.records import Department, System
from exchange.departments.tables import departments, systems
from exchange.governance.tables import governance, policy_sets


def lock(connection: sa.Connection) -> int:
    """One publication at a time. The revision that is locked."""
    locked = connection.execute(sa.select(governance.c.revision).with_for_update())
    return int(locked.scalar_one())


def find_newest_policy(connection: sa.Connection) -> tuple[int, str] | None:
    """Version and digest of the newest policy set."""
    row = connection.execute(
        sa.select(policy_sets.c.version, policy_sets.c.digest)
        .order_by(policy_sets.c.version.desc())
        .limit(1)
    ).one_or_none()
    return (row.version, row.digest) if row else None


def add_policy(
    connection: sa.Connection, *, version: int, digest: str, rules: str, by: str, now: datetime
) -> None:
    """Publish a policy set."""
    connection.execute(
        sa.insert(policy_sets).values(
            version=version, digest=digest, rules=rules, published_by=by, published_at=now
        )
    )


def put_department(connection: sa.Connection, department: Department, now: datetime) -> bool:
    """Register a department or rename it. True where anything changed."""
    names = {"name_zh": department.name_zh, "name_en": department.name_en}
    changed = connection.execute(
        insert(departments)
        .values(code=department.code, registered_at=now, **names)
        .on_conflict_do_update(
            index_elements=[departments.c.code],
            set_=names,
            where=(departments.c.name_zh != department.name_zh)
            | (departments.c.name_en != department.name_en),
        )
        .returning(departments.c.code)
    ).one_or_none()
    return changed is not None


def put_system(connection: sa.Connection, system: System, now: datetime) -> None:
    """Register a system or replace its keys, scopes and state."""
    values = {
        "department": system.department,
        "name": system.name,
        "jwks": dict(system.jwks),
        "scopes": sorted(system.scopes),
        "disabled_at": system.disabled_at,
    }
    connection.execute(
        insert(systems)
        .values(client_id=system.client_id, registered_at=now, **values)
        .on_conflict_do_update(index_elements=[systems.c.client_id], set_=values)
    )
