"""The database: one metadata, one way to make an engine, start-up checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from exchange.errors import Unavailable

metadata = sa.MetaData()

# What a crash of PostgreSQL must not be able to take: an acknowledged record.
_DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")
_UNCHANGEABLE = (
    "audit_records", "audit_tiles", "certificates", "certificate_events", "status_changes",
    "published_lists",
    "authorization_uses", "policy_sets", "items", "certificate_types", "materials", "bound_copies",
    "signing_keys", "signing_key_events", "key_certificates", "root_certificates",
    "revocation_lists", "bulk_chunks", "bulk_refusals", "resigned_credentials",
    "foreign_issuers", "imported_certificates",
    "audit_cosigned", "audit_alarms", "witness_refusals",
)  # fmt: skip


def make_engine(url: str, *, pool_size: int = 10) -> sa.Engine:
    """An engine whose connections give up on locks and statements rather than hang."""
    return sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=True,
        pool_timeout=10,
        connect_args={
            "connect_timeout": 5,
            "application_name": "yici",
            "options": "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s "
            "-c idle_in_transaction_session_timeout=60s",
        },
    )


_UNSAFE = """
    SELECT name, NULL FROM unnest(%s::text[]) AS name WHERE current_setting(name) = 'off'
    UNION ALL
    SELECT evidence, held FROM unnest(%s::text[]) AS evidence,
        unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS held
    WHERE has_table_privilege(evidence, held)
"""


def unsafe_for_evidence(connection: sa.Connection) -> list[str]:
    """Why this database may not carry the log; empty where nothing speaks against it.

    A server that may lose acknowledged commits, or a role that may change evidence, is refused
    at start-up and while serving (``docs/operations.md``).
    """
    cursor = connection.connection.cursor()
    try:
        return unsafe_session(cursor)
    finally:
        cursor.close()


def unsafe_session(cursor: Any) -> list[str]:
    """As :func:`unsafe_for_evidence`, of the session of a raw cursor."""
    cursor.execute(_UNSAFE, (list(_DURABILITY), list(_UNCHANGEABLE)))
    return [
        f"{name} is off: an acknowledged record could be lost in a crash"
        if held is None
        else f"the application's role has {held} on {name}"
        for name, held in cursor
    ]


@contextmanager
def database_failures() -> Iterator[None]:
    """Turn a database that cannot be reached into :class:`Unavailable`."""
    try:
        yield
    except (DBAPIError, sa.exc.TimeoutError, psycopg2.Error) as fault:
        if is_unreachable(fault):
            raise Unavailable(
                "数据库暂不可用,因此不作答复。请稍后重试。",
                "The database cannot be reached, so no answer is given. Try again later.",
                headers={"Retry-After": "5"},
            ) from fault
        raise


def is_unreachable(fault: BaseException) -> bool:
    """True where the server is gone, starting, stopping or out of connections or patience."""
    if isinstance(fault, DBAPIError):
        if fault.connection_invalidated:
            return True
        if fault.orig is not None:
            return is_unreachable(fault.orig)
    if isinstance(fault, sa.exc.TimeoutError):
        return True
    if isinstance(fault, psycopg2.InterfaceError):
        return True
    if isinstance(fault, psycopg2.OperationalError):
        return True
    return isinstance(fault, psycopg2.Error) and (fault.pgcode or "")[:2] in {"08", "53", "57"}


__all__ = [
    "database_failures",
    "is_unreachable",
    "make_engine",
    "metadata",
    "unsafe_for_evidence",
    "unsafe_session",
]
