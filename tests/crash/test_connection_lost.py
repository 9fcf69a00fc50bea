"""A database that goes away and is back at once: nothing may be given up for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa

from connectors import WorkerGate
from exchange.clock import SystemClock
from exchange.demo.registers import generate
from exchange.errors import Unavailable
from exchange.registers.pulling import Pulling
from exchange.unit_of_work import UnitOfWork
from tests.conftest import Database
from tests.hub import HEALTH, Served
from tests.lookups.asking import lookup
from tests.registers.pulls import pulling_of, request, seen


@pytest.fixture(scope="module")
def gate() -> Iterator[WorkerGate]:
    """Great Expectations in its child process."""
    with WorkerGate() as gate:
        yield gate


def cut_all_connections(database: Database) -> None:
    """End every connection to a database, as a restart of the server does."""
    with psycopg2.connect(database.superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.close()


class CutOnce(Pulling):
    """Loses its connections right before the first chunk is counted."""

    database: Database
    cut = False

    def _progress(self, *told: Any) -> None:
        if not self.cut:
            self.cut = True
            with self._work.begin() as work:
                cut_all_connections(self.database)
                work.connection.execute(sa.text("SELECT 1"))
        super()._progress(*told)


@pytest.mark.slow
def test_a_pull_that_loses_the_database_is_taken_up_again_and_not_failed(
    served: Served, database: Database, gate: WorkerGate
) -> None:
    assert served.hub.settings.registers_dir is not None
    generate(served.hub.settings.registers_dir)
    wanted = request(served, "market-regulator")
    pulling = pulling_of(served.hub, gate, kind=CutOnce)
    assert isinstance(pulling, CutOnce)
    pulling.database = database
    with pytest.raises(Unavailable):
        pulling.run(wanted)
    assert seen(served, "market-regulator", wanted)["state"] == "running"
    pulling.run(wanted)
    assert seen(served, "market-regulator", wanted)["state"] == "done"


def test_a_lookup_after_the_connection_was_cut_is_unanswered_once_at_most(
    served: Served, database: Database
) -> None:
    holder = served.issue_licence()
    with served.as_system(HEALTH) as health:
        assert health.post("/v1/lookups", json=lookup(holder)).status_code == 200
        cut_all_connections(database)
        first = health.post("/v1/lookups", json=lookup(holder))
        assert first.status_code in (200, 503), first.text
        assert health.post("/v1/lookups", json=lookup(holder)).status_code == 200


def test_waiting_in_vain_for_a_free_connection_is_said_as_unavailable(
    served: Served,
) -> None:
    engine = sa.create_engine(
        served.hub.settings.database_url.get_secret_value(),
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.05,
    )
    work: UnitOfWork[Any, Any] = UnitOfWork(engine, served.hub.log, SystemClock())
    with engine.connect(), pytest.raises(Unavailable), work.begin():
        pass
    engine.dispose()
