"""Migrations go up, down and up again, and end in one head."""

from __future__ import annotations

import sqlalchemy as sa

from exchange import migrating
from exchange.database import make_engine, unsafe_for_evidence
from tests.conftest import Database


def test_upgrade_downgrade_upgrade(database: Database) -> None:
    migrating.unmigrate(database.owner_url)
    engine = sa.create_engine(database.owner_url.replace("postgresql:", "postgresql+psycopg2:"))
    left = sa.inspect(engine).get_table_names()
    assert left == ["alembic_version"]
    migrating.migrate(database.owner_url)
    with engine.connect() as connection:
        assert not migrating.missing_migrations(connection)
    engine.dispose()


def test_there_is_one_head() -> None:
    assert migrating.heads() == ["0010"]


def test_the_applications_role_may_not_change_evidence(database: Database) -> None:
    engine = make_engine(database.app_url.replace("postgresql:", "postgresql+psycopg2:"))
    with engine.connect() as connection:
        reasons = unsafe_for_evidence(connection)
        assert [reason for reason in reasons if "role" in reason] == []
    engine.dispose()
    owner = make_engine(database.owner_url.replace("postgresql:", "postgresql+psycopg2:"))
    with owner.connect() as connection:
        reasons = unsafe_for_evidence(connection)
        assert any("UPDATE on audit_records" in reason for reason in reasons)
    owner.dispose()
