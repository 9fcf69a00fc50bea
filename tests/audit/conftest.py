"""A log in a fresh database, and the hand of someone who may do anything to its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.audit.entries import leaf_of
from exchange.audit.evidence import DatabaseEvidence
from exchange.audit.log import Appended, Log
from exchange.audit.notes import NoteSigner
from exchange.audit.records import PreparedRecord, prepare
from exchange.audit.verify import Report, verify
from tests.conftest import Database

ORIGIN = "hub.example/log"
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)

SIZE = 700  # two complete tiles, and a tail of 128 + 32 + 16 + 8 + 4 records
ALTERED = b'{"at":"2026-03-01T08:00:00.000000Z","kind":"sign-in","outcome":"done","v":1}'
NONCE = bytes(range(16))
ALTERED_LEAF = leaf_of(NONCE + ALTERED)

Connect = Callable[[str], Any]


def record(number: int) -> PreparedRecord:
    """The number-th record of a test's log; a third of them concern a holder."""
    holder = number.to_bytes(32, "big") if number % 3 == 0 else None
    return prepare("sign-in", NOW, outcome="done", holder=holder, reason=f"number {number}")


@pytest.fixture
def log() -> Log:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return Log(ORIGIN, NoteSigner.from_private_key(ORIGIN, key))


@pytest.fixture
def connect(database: Database) -> Iterator[Connect]:
    """Opens connections by address, and closes them after the test."""
    opened = []

    def open_(url: str) -> Any:
        connection = psycopg2.connect(url.replace("+psycopg2", ""))
        opened.append(connection)
        return connection

    yield open_
    for connection in opened:
        connection.close()


@pytest.fixture
def application(database: Database, connect: Connect) -> Any:
    """A connection with the application's rights."""
    return connect(database.app_url)


@pytest.fixture
def intruder(database: Database, connect: Connect) -> Any:
    """A database superuser, committing each statement."""
    connection = connect(database.superuser_url)
    connection.autocommit = True
    return connection.cursor()


def grow(log: Log, connection: Any, count: int, *, batch: int = 100) -> Appended:
    """Append records until the log has `count` more, committing each batch."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(index) + 1, 0) FROM audit_records")
        first = cursor.fetchone()[0]
        for start in range(first, first + count, batch):
            records = [record(at) for at in range(start, min(start + batch, first + count))]
            appended = log.append(cursor, records, NOW)
            connection.commit()
    return appended


@pytest.fixture
def prove(database: Database, log: Log) -> Callable[..., Report]:
    """Runs verify on the database as it is now, with the application's rights."""

    def run(**options: Any) -> Report:
        evidence = DatabaseEvidence.open(database.app_url)
        try:
            return verify(evidence, log.vkey, ORIGIN, **options)
        finally:
            evidence.close()

    return run


@pytest.fixture
def filled(log: Log, application: Any) -> Any:
    grow(log, application, SIZE)
    return application
