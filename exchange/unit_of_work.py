"""One command, one unit of work: its rows and its records are committed together.

The records are appended as the last thing before COMMIT, because the head of the log is the
one row where all writers meet: locks are taken on business rows first, on the head last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa

from exchange.clock import Clock
from exchange.database import database_failures

Record = TypeVar("Record", contravariant=True)
Appended = TypeVar("Appended", covariant=True)


class Appender(Protocol[Record, Appended]):
    """What the log offers a unit of work."""

    def append(self, cursor: Any, records: Sequence[Record], now: datetime) -> Appended:
        """Append records within the caller's transaction and say where they stand."""
        ...


class Work(Generic[Record, Appended]):
    """An open transaction. Leaving it without :meth:`commit` undoes everything."""

    def __init__(
        self, connection: sa.Connection, log: Appender[Record, Appended], now: datetime
    ) -> None:
        self.connection = connection
        self.now = now
        self._log = log
        self._records: list[Record] = []

    def record(self, record: Record) -> None:
        """Have this stand in the log when the work is committed."""
        self._records.append(record)

    def commit(self) -> Appended | None:
        """Append the records, then commit. Where the records stand, or None without any."""
        appended: Appended | None = None
        if self._records:
            cursor = self.connection.connection.cursor()
            try:
                appended = self._log.append(cursor, self._records, self.now)
            finally:
                cursor.close()
            self._records = []
        self.connection.commit()
        return appended


class UnitOfWork(Generic[Record, Appended]):
    """Opens transactions on one engine with one log."""

    def __init__(self, engine: sa.Engine, log: Appender[Record, Appended], clock: Clock) -> None:
        self._engine = engine
        self._log = log
        self._clock = clock

    @contextmanager
    def begin(self) -> Iterator[Work[Record, Appended]]:
        """A transaction.

        Raises:
            Unavailable: the database cannot be reached; nothing was done.
        """
        with database_failures(), self._engine.connect() as connection:
            # Begun by hand: records are written past SQLAlchemy, which would then see no
            # transaction of its own to commit.
            connection.begin()
            yield Work(connection, self._log, self._clock.now())

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with database_failures(), self._engine.connect() as connection:
            connection.execute(sa.text("SET TRANSACTION READ ONLY"))
            yield connection
