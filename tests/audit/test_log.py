"""The log in PostgreSQL: growing, meeting at the head, proving."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from exchange.audit.entries import leaf_of
from exchange.audit.errors import LogDamaged, RecordAbsent, RecordRefused
from exchange.audit.log import (
    Log,
    checkpoint,
    consistency,
    get_head,
    inclusion,
    receipt_for,
    receipts,
)
from exchange.audit.merkle import root_of, verify_consistency, verify_inclusion
from exchange.audit.notes import NoteVerifier, open_checkpoint
from exchange.audit.receipts import verify_receipt
from exchange.audit.records import prepare
from exchange.audit.tables import audit_head, audit_records, audit_tiles
from tests.audit.conftest import NOW, ORIGIN, Connect, grow, record
from tests.conftest import Database


def test_a_batch_stands_where_it_says_and_each_receipt_proves_it(
    log: Log, application: Any
) -> None:
    grow(log, application, 250)
    with application.cursor() as cursor:
        appended = log.append(cursor, [record(at) for at in range(250, 314)], NOW)
        application.commit()
        assert (appended.first_index, appended.size) == (250, 314)
        for index, receipt in enumerate(receipts(appended), 250):
            proven = verify_receipt(receipt, log.vkey, ORIGIN)
            assert (proven.index, proven.record) == (index, record(index).body)
        cursor.execute("SELECT kind, recorded_at, subject, leaf, nonce, body FROM audit_records"
                       " WHERE index = 300")  # fmt: skip
        kind, at, subject, leaf, nonce, body = cursor.fetchone()
    assert (kind, at) == ("sign-in", NOW)
    assert bytes(body) == record(300).body
    assert bytes(nonce) + bytes(body) == appended.openings[50]
    assert bytes(leaf) == leaf_of(appended.openings[50])
    assert bytes(subject) == (300).to_bytes(32, "big")


def test_an_empty_log_gets_a_signed_head_of_size_zero_once(log: Log, application: Any) -> None:
    with application.cursor() as cursor:
        with pytest.raises(RecordAbsent):
            checkpoint(cursor)
        log.initialise(cursor)
        log.initialise(cursor)
        application.commit()
        note = checkpoint(cursor)
    opened = open_checkpoint(note, [NoteVerifier.from_vkey(log.vkey)], ORIGIN)
    assert opened.size == 0


def test_an_empty_batch_changes_nothing(log: Log, application: Any) -> None:
    grow(log, application, 3)
    with application.cursor() as cursor:
        before = get_head(cursor)
        appended = log.append(cursor, [], NOW)
        application.commit()
        assert (appended.first_index, appended.size) == (3, 3)
        assert get_head(cursor) == before


def test_a_record_dated_after_its_append_is_refused(log: Log, application: Any) -> None:
    later = prepare("sign-in", NOW + timedelta(minutes=1), outcome="done")
    with application.cursor() as cursor, pytest.raises(RecordRefused, match="dated after"):
        log.append(cursor, [later], NOW)


def test_what_is_not_committed_leaves_nothing(
    log: Log, database: Database, application: Any, connect: Connect
) -> None:
    grow(log, application, 300)
    doomed = connect(database.app_url)
    with doomed.cursor() as cursor:
        log.append(cursor, [record(at) for at in range(300, 600)], NOW)
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    # The server process dies between the last statement and COMMIT.
    with connect(database.superuser_url).cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (pid,))
    with pytest.raises(psycopg2.OperationalError):
        doomed.commit()
    appended = grow(log, application, 1)
    assert (appended.first_index, appended.size) == (300, 301)


def test_writers_meet_only_at_the_head(
    log: Log, database: Database, connect: Connect, prove: Any
) -> None:
    def write(name: int) -> list[tuple[int, int, bytes, str]]:
        connection = connect(database.app_url)
        done = []
        for number in range(25):
            batch = [
                prepare("sign-in", NOW, outcome="done", reason=f"writer {name} {number} {each}")
                for each in range(1 + (name + number) % 7)
            ]
            with connection.cursor() as cursor:
                appended = log.append(cursor, batch, NOW)
            connection.commit()
            for receipt, one in zip(receipts(appended), batch, strict=True):
                assert verify_receipt(receipt, log.vkey, ORIGIN).record == one.body
            done.append((appended.first_index, appended.size, appended.root, appended.checkpoint))
        return done

    with ThreadPoolExecutor(4) as pool:
        written = sorted(one for done in pool.map(write, range(4)) for one in done)
    # Each batch begins where the one before ended: no index twice, none left out.
    assert [first for first, *_ in written] == [0, *(size for _, size, *_ in written[:-1])]
    # One size, one root: no two checkpoints contradict each other.
    assert len({size for _, size, *_ in written}) == len(written) == 100
    report = prove()
    assert report.ok
    assert (report.size, report.root) == written[-1][1:3]


def test_proofs_across_all_levels_hold(log: Log, application: Any) -> None:
    total = 66_200
    grow(log, application, total, batch=3_000)
    with application.cursor() as cursor:
        head = get_head(cursor)
        roots = {}
        for size in (1, 255, 256, 257, 65_535, 65_536, 65_537, 66_199):
            proof = consistency(cursor, size, total)
            cursor.execute(
                "SELECT leaf FROM audit_records WHERE index < %s ORDER BY index", (size,)
            )
            roots[size] = root_of([bytes(leaf) for (leaf,) in cursor.fetchall()])
            verify_consistency(size, total, proof, roots[size], head.root)
        for size, root in roots.items():
            for index in {0, size // 2, size - 1}:
                proof = inclusion(cursor, index, size)
                cursor.execute("SELECT leaf FROM audit_records WHERE index = %s", (index,))
                verify_inclusion(bytes(cursor.fetchone()[0]), index, size, proof, root)
        for index in (0, 255, 256, 65_535, 65_536, total - 1):
            proven = verify_receipt(receipt_for(cursor, index), log.vkey, ORIGIN)
            assert proven.record == record(index).body
        cursor.execute("SELECT level, count(*) FROM audit_tiles GROUP BY level ORDER BY level")
        assert cursor.fetchall() == [(-2, 1), (-1, 258), (0, 258), (1, 1)]


def test_what_the_log_does_not_have_is_not_proven(log: Log, application: Any) -> None:
    grow(log, application, 10)
    with application.cursor() as cursor:
        for ask in (
            lambda: receipt_for(cursor, 10),
            lambda: receipt_for(cursor, -1),
            lambda: inclusion(cursor, 5, 11),
            lambda: inclusion(cursor, 5, 5),
            lambda: consistency(cursor, 0, 5),
            lambda: consistency(cursor, 6, 5),
            lambda: consistency(cursor, 5, 11),
        ):
            with pytest.raises(RecordAbsent):
                ask()


@pytest.mark.parametrize("table", [audit_records.name, audit_tiles.name])
@pytest.mark.parametrize("act", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_may_change_no_record_and_no_tile(
    log: Log, application: Any, table: str, act: str
) -> None:
    grow(log, application, 300)
    column = "body" if table == "audit_records" else "hashes"
    with (
        application.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute(act.format(table, column, column))


def test_the_application_may_not_delete_the_head(log: Log, application: Any) -> None:
    grow(log, application, 3)
    with (
        application.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute(f"DELETE FROM {audit_head.name}")


def test_a_log_whose_head_was_rolled_back_takes_nothing_more(
    log: Log, application: Any, intruder: Any
) -> None:
    grow(log, application, 10)
    intruder.execute("CREATE TABLE kept AS SELECT * FROM audit_head")
    grow(log, application, 10)
    intruder.execute("DELETE FROM audit_head")
    intruder.execute("INSERT INTO audit_head SELECT * FROM kept")
    with application.cursor() as cursor, pytest.raises(LogDamaged):
        log.append(cursor, [record(10)], NOW)


def test_a_tile_is_never_made_of_hashes_that_were_changed(
    log: Log, application: Any, intruder: Any
) -> None:
    grow(log, application, 200)
    intruder.execute("UPDATE audit_records SET leaf = %s WHERE index = 7", (bytes(32),))
    grow(log, application, 50, batch=10)
    with application.cursor() as cursor, pytest.raises(LogDamaged, match="0 and 255"):
        log.append(cursor, [record(at) for at in range(250, 260)], NOW)


def test_a_receipt_that_would_not_verify_is_not_given(
    log: Log, application: Any, intruder: Any
) -> None:
    grow(log, application, 300)
    intruder.execute("UPDATE audit_records SET body = '{}' WHERE index = 7")
    with application.cursor() as cursor, pytest.raises(LogDamaged):
        receipt_for(cursor, 7)


def test_a_head_that_does_not_add_up_takes_nothing_more(
    log: Log, application: Any, intruder: Any
) -> None:
    grow(log, application, 10)
    intruder.execute("UPDATE audit_head SET root = %s", (bytes(32),))
    with application.cursor() as cursor, pytest.raises(LogDamaged, match="head"):
        log.append(cursor, [record(10)], NOW)
    application.rollback()
    intruder.execute("UPDATE audit_head SET size = 11")
    with application.cursor() as cursor, pytest.raises(LogDamaged, match="frontier"):
        log.append(cursor, [record(10)], NOW)
