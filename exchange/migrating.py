"""Brings a database to the newest schema (or back), with the owner's role."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import migrations
from exchange.errors import Conflict

_RAISED: Final = "P0001"
"""What PostgreSQL calls an exception that a migration raised itself."""


def configuration(url: str | None = None) -> Config:
    """Alembic's configuration, from wherever the package is installed."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    if url is not None:
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Upgrade the database to a revision.

    Raises:
        Conflict: a migration refuses what the database holds, and says why and what to do.
    """
    try:
        command.upgrade(configuration(_psycopg2(url)), revision)
    except sa.exc.DBAPIError as fault:
        if getattr(fault.orig, "pgcode", None) != _RAISED:
            raise
        said = fault.orig.diag  # type: ignore[union-attr]  # psycopg2's, by its code
        why = f"{said.message_primary} {said.message_hint or ''}".strip()
        raise Conflict(f"数据库无法迁移：{why}", f"the database was not migrated: {why}") from None


def unmigrate(url: str, revision: str = "base") -> None:
    """Downgrade the database to a revision."""
    command.downgrade(configuration(_psycopg2(url)), revision)


def heads() -> list[str]:
    """The revisions that nothing follows; there must be one."""
    return list(ScriptDirectory.from_config(configuration()).get_heads())


def missing_migrations(connection: sa.Connection) -> bool:
    """True where the database is not at the head this program was written for."""
    try:
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars()
        return set(found) != set(heads())
    except sa.exc.ProgrammingError:
        return True


def _psycopg2(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)
