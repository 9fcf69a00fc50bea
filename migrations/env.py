"""Alembic's entry: runs with the owner's role, one transaction per migration."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

config = context.config


def run() -> None:
    """Migrate the database of the connection (tests) or of ``sqlalchemy.url``."""
    connection = config.attributes.get("connection")
    if connection is None:
        engine = sa.create_engine(
            str(config.get_main_option("sqlalchemy.url")), poolclass=sa.NullPool
        )
        with engine.connect() as opened:
            _migrate(opened)
    else:
        _migrate(connection)


def _migrate(connection: sa.Connection) -> None:
    # A migration that cannot get its lock gives up instead of stopping the hub behind it.
    connection.execute(sa.text("SET lock_timeout = '5s'"))
    connection.execute(sa.text("SET statement_timeout = '10min'"))
    connection.commit()
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


run()
