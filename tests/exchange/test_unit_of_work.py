"""One unit of work commits its rows and records together, or neither."""

from __future__ import annotations

import psycopg2

from exchange.audit.records import prepare
from tests.conftest import Database
from tests.hub import Served


def size(database: Database) -> int:
    with psycopg2.connect(database.superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_records")
        return int(cursor.fetchone()[0])


def test_records_without_any_row_are_committed_too(served: Served, database: Database) -> None:
    before = size(database)
    with served.hub.work.begin() as work:
        work.record(prepare("sign-in", work.now, outcome="done"))
        work.commit()
    assert size(database) == before + 1


def test_what_is_not_committed_leaves_nothing(served: Served, database: Database) -> None:
    before = size(database)
    with served.hub.work.begin() as work:
        work.record(prepare("sign-in", work.now, outcome="done"))
    assert size(database) == before
