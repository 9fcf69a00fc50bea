"""A hub that serves stops answering lookups while its database may not carry the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.audit.gate import EVERY, LogGate
from exchange.audit.log import Log
from exchange.audit.notes import NoteVerifier
from exchange.audit.witness_policy import WitnessPolicy
from exchange.audit.witnessing import WitnessGate
from tests.audit.conftest import Connect
from tests.conftest import Database

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def gate(log: Log) -> LogGate:
    verifier = NoteVerifier.from_vkey(log.vkey)
    return LogGate(WitnessGate(WitnessPolicy(), verifier, timedelta(hours=1)))


def as_if_durable(connection: Any) -> Any:
    """A cursor of a session that waits for its commits; the server of tests never syncs."""
    cursor = connection.cursor()
    cursor.execute("SET synchronous_commit = on")
    return cursor


def test_a_server_that_may_lose_commits_is_refused_with_the_way_out(
    gate: LogGate, application: Any
) -> None:
    refusal = gate.find_refusal(application.cursor(), NOW)
    assert refusal is not None
    assert (refusal.code, refusal.headers["Retry-After"]) == ("unavailable", "60")


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_each_setting_that_risks_a_record_is_refused_until_it_is_mended(
    gate: LogGate, application: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # The other two are left out: the server of tests has all three off.
    monkeypatch.setattr("exchange.database._DURABILITY", (name,))
    cursor = application.cursor()
    assert gate.find_refusal(cursor, NOW) is not None
    if name == "synchronous_commit":
        assert gate.find_refusal(as_if_durable(application), NOW) is None


@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("table", ["audit_records", "audit_tiles", "audit_cosigned"])
def test_a_role_that_may_change_the_log_is_noticed_while_serving(
    gate: LogGate,
    application: Any,
    intruder: Any,
    database: Database,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    right: str,
) -> None:
    monkeypatch.setattr("exchange.database._DURABILITY", ("synchronous_commit",))
    cursor = as_if_durable(application)
    application.commit()
    assert gate.find_refusal(cursor, NOW) is None
    application.rollback()
    intruder.execute(f"GRANT {right} ON {table} TO yici_app")
    assert gate.find_refusal(cursor, NOW + EVERY / 2) is None
    assert gate.find_refusal(cursor, NOW + EVERY) is not None
    application.rollback()
    intruder.execute(f"REVOKE {right} ON {table} FROM yici_app")
    assert gate.find_refusal(cursor, NOW + EVERY) is None
