"""Whatever a database superuser does to the log, verify finds it and names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.audit.errors import NoteRefused
from exchange.audit.evidence import DatabaseEvidence
from exchange.audit.findings import Place, name_deviations
from exchange.audit.log import Log
from exchange.audit.log import checkpoint as newest_checkpoint
from exchange.audit.notes import NoteSigner
from exchange.audit.verify import Report, verify
from tests.audit.conftest import ALTERED, ALTERED_LEAF, NONCE, NOW, ORIGIN, SIZE, grow, record
from tests.conftest import Database

Prove = Callable[..., Report]
INSERT = "INSERT INTO audit_records (index, recorded_at, kind, subject, leaf, body, nonce)"


def named(report: Report) -> list[tuple[str, int | None]]:
    for finding in report.findings:
        assert finding.zh
        assert finding.en
    assert report.ok is (not report.findings)
    return [(finding.code, finding.index) for finding in report.findings]


def swap(intruder: Any, one: int, two: int) -> None:
    """Exchange two whole rows: only their places change."""
    intruder.execute("UPDATE audit_records SET index = -99 WHERE index = %s", (one,))
    intruder.execute("UPDATE audit_records SET index = %s WHERE index = %s", (one, two))
    intruder.execute("UPDATE audit_records SET index = %s WHERE index = -99", (two,))


def shift(intruder: Any, first: int, by: int) -> None:
    """Move all rows from `first` on by one place."""
    intruder.execute("UPDATE audit_records SET index = -1 - index WHERE index >= %s", (first,))
    intruder.execute("UPDATE audit_records SET index = -1 - index + %s WHERE index < 0", (by,))


def test_a_log_that_nobody_touched_is_whole(filled: Any, prove: Prove) -> None:
    seen: list[tuple[int, int]] = []
    report = prove(progress=lambda done, total: seen.append((done, total)))
    assert report.ok
    assert report.size == SIZE
    assert seen[-1] == (SIZE, SIZE)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512])
def test_a_log_of_any_size_is_whole(log: Log, application: Any, prove: Prove, size: int) -> None:
    if size:
        grow(log, application, size)
    assert prove() == Report(True, size, prove().root, ())


@pytest.mark.parametrize("index", [0, 255, 300, 511, 512, 650, 699])
def test_one_altered_record_is_named(filled: Any, intruder: Any, prove: Prove, index: int) -> None:
    intruder.execute(
        "UPDATE audit_records SET body = set_byte(body, 10, get_byte(body, 10) # 1)"
        " WHERE index = %s",
        (index,),
    )
    assert named(prove()) == [("altered", index)]


@pytest.mark.parametrize("index", [0, 300, 511])
def test_a_record_altered_with_its_leaf_is_named(
    filled: Any, intruder: Any, prove: Prove, index: int
) -> None:
    intruder.execute(
        "UPDATE audit_records SET body = %s, nonce = %s, leaf = %s, subject = NULL"
        " WHERE index = %s",
        (ALTERED, NONCE, ALTERED_LEAF, index),
    )
    assert named(prove()) == [("altered", index)]


def test_a_record_altered_with_its_leaf_and_tile_is_named_by_the_tiles_root(
    filled: Any, intruder: Any, prove: Prove
) -> None:
    intruder.execute(
        "UPDATE audit_records SET body = %s, nonce = %s, leaf = %s, subject = NULL"
        " WHERE index = 300",
        (ALTERED, NONCE, ALTERED_LEAF),
    )
    intruder.execute(
        "UPDATE audit_tiles SET hashes = overlay(hashes PLACING %s FROM %s)"
        " WHERE level = 0 AND number = 1",
        (ALTERED_LEAF, 1 + 32 * (300 - 256)),
    )
    # Records and tile agree with each other and not with the signed root.
    report = prove()
    assert ("unproven", 0) in named(report)
    assert ("tile-root-altered", None) in named(report)


def test_in_the_tail_a_record_altered_with_its_leaf_is_found_in_its_subtree(
    filled: Any, intruder: Any, prove: Prove
) -> None:
    intruder.execute(
        "UPDATE audit_records SET body = %s, nonce = %s, leaf = %s, subject = NULL"
        " WHERE index = 650",
        (ALTERED, NONCE, ALTERED_LEAF),
    )
    report = prove()
    assert named(report) == [("unproven", 640)]
    assert report.findings[0].last == 671


@pytest.mark.parametrize("index", [0, 300, 511, 600])
def test_a_deleted_record_is_named(filled: Any, intruder: Any, prove: Prove, index: int) -> None:
    intruder.execute("DELETE FROM audit_records WHERE index = %s", (index,))
    assert ("deleted", index) in named(prove())
    if index < 512:
        assert named(prove()) == [("deleted", index)]


def test_a_deleted_record_is_named_even_if_the_gap_was_closed(
    filled: Any, intruder: Any, prove: Prove
) -> None:
    intruder.execute("DELETE FROM audit_records WHERE index = 100")
    shift(intruder, 101, -1)
    found = named(prove())
    assert ("deleted", 100) in found
    assert found == [("deleted", 100), ("truncated", SIZE - 1)]


@pytest.mark.parametrize("count", [1, 20, 200, 600])
def test_a_log_that_was_cut_off_is_found(
    filled: Any, intruder: Any, prove: Prove, count: int
) -> None:
    intruder.execute("DELETE FROM audit_records WHERE index >= %s", (SIZE - count,))
    report = prove()
    assert ("truncated", SIZE - count) in named(report)
    assert next(f for f in report.findings if f.code == "truncated").last == SIZE - 1


@pytest.mark.parametrize(
    ("one", "two"), [(3, 4), (10, 500), (0, 511), (520, 521), (530, 660), (100, 650), (698, 699)]
)
def test_two_records_that_changed_places_are_both_named(
    filled: Any, intruder: Any, prove: Prove, one: int, two: int
) -> None:
    swap(intruder, one, two)
    report = prove()
    assert named(report) == [("reordered", one), ("reordered", two)]
    assert str(two) in report.findings[0].en


@pytest.mark.parametrize(("one", "two"), [(3, 4), (520, 660), (100, 650)])
def test_two_bodies_that_changed_places_are_both_named(
    filled: Any, intruder: Any, prove: Prove, one: int, two: int
) -> None:
    intruder.execute(
        "UPDATE audit_records a SET body = b.body, nonce = b.nonce FROM audit_records b"
        " WHERE (a.index, b.index) IN ((%s, %s), (%s, %s))",
        (one, two, two, one),
    )
    assert named(prove()) == [("reordered", one), ("reordered", two)]


def test_an_inserted_record_is_named(filled: Any, intruder: Any, prove: Prove) -> None:
    shift(intruder, 100, 1)
    intruder.execute(
        f"{INSERT} VALUES (100, %s, 'sign-in', NULL, %s, %s, %s)",
        (NOW, ALTERED_LEAF, ALTERED, NONCE),
    )
    found = named(prove())
    assert found == [("inserted", 100), ("beyond-head", SIZE)]


def test_records_added_without_the_head_are_named(filled: Any, intruder: Any, prove: Prove) -> None:
    intruder.execute(
        f"{INSERT} VALUES (%s, %s, 'sign-in', NULL, %s, %s, %s)",
        (SIZE, NOW, ALTERED_LEAF, ALTERED, NONCE),
    )
    assert named(prove()) == [("beyond-head", SIZE)]


def test_a_head_that_was_rolled_back_is_found(
    log: Log, filled: Any, intruder: Any, prove: Prove
) -> None:
    intruder.execute("CREATE TABLE kept AS SELECT * FROM audit_head")
    grow(log, filled, 100)
    intruder.execute("UPDATE audit_head h SET size = k.size, frontier = k.frontier, root = k.root,"
                     " checkpoint = k.checkpoint FROM kept k")  # fmt: skip
    found = named(prove())
    assert ("beyond-head", SIZE) in found
    assert ("tile-unexpected", None) in found


def test_a_whole_log_that_was_rolled_back_is_found_by_a_newer_checkpoint(
    log: Log, filled: Any, intruder: Any, prove: Prove
) -> None:
    intruder.execute("CREATE TABLE kept AS SELECT * FROM audit_head")
    grow(log, filled, 100)
    with filled.cursor() as cursor:
        later = newest_checkpoint(cursor)
    filled.rollback()
    intruder.execute("DELETE FROM audit_records WHERE index >= %s", (SIZE,))
    intruder.execute("DELETE FROM audit_tiles WHERE number >= 2")
    intruder.execute("UPDATE audit_head h SET size = k.size, frontier = k.frontier, root = k.root,"
                     " checkpoint = k.checkpoint FROM kept k")  # fmt: skip
    # Nothing stored here tells of what was cut off: that needs a checkpoint kept elsewhere.
    assert prove().ok
    assert named(prove(against=later)) == [("rolled-back", None)]


def test_history_rewritten_with_the_logs_own_key_is_found_by_an_older_checkpoint(
    log: Log, filled: Any, intruder: Any, prove: Prove
) -> None:
    with filled.cursor() as cursor:
        older = newest_checkpoint(cursor)
    assert prove(against=older).ok
    filled.rollback()
    intruder.execute("TRUNCATE audit_records, audit_tiles, audit_head")
    with filled.cursor() as cursor:
        log.append(cursor, [record(at) for at in range(1, SIZE + 50)], NOW)
        filled.commit()
    assert prove().ok
    assert named(prove(against=older)) == [("rewritten", None)]


@pytest.mark.parametrize("size", [1, 100, 256, 300, 512, 600, 700])
def test_a_log_agrees_with_each_of_its_older_checkpoints(
    log: Log, application: Any, prove: Prove, size: int
) -> None:
    grow(log, application, size)
    with application.cursor() as cursor:
        older = newest_checkpoint(cursor)
    application.rollback()
    grow(log, application, 750 - size)
    assert prove(against=older).ok


@pytest.mark.parametrize("number", [0, 1])
def test_an_altered_tile_is_named(filled: Any, intruder: Any, prove: Prove, number: int) -> None:
    intruder.execute(
        "UPDATE audit_tiles SET hashes = set_byte(hashes, 70, get_byte(hashes, 70) # 1)"
        " WHERE level = 0 AND number = %s",
        (number,),
    )
    report = prove()
    assert named(report) == [("tile-altered", None)]
    assert f"tile 0/{number} " in report.findings[0].en


def test_an_altered_tile_and_an_altered_record_are_told_apart(
    filled: Any, intruder: Any, prove: Prove
) -> None:
    intruder.execute("UPDATE audit_records SET body = %s WHERE index = 5", (ALTERED,))
    intruder.execute(
        "UPDATE audit_tiles SET hashes = set_byte(hashes, 70, 0) WHERE level = 0 AND number = 1"
    )
    assert named(prove()) == [("altered", 5), ("tile-altered", None)]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM audit_tiles WHERE level = 0 AND number = 1", "tile-missing"),
        ("UPDATE audit_tiles SET hashes = '\\x00' WHERE level = 0 AND number = 1", "tile-altered"),
        ("UPDATE audit_tiles SET hashes = set_byte(hashes, 3, get_byte(hashes, 3) # 1)"
         " WHERE level = -1 AND number = 1", "tile-root-altered"),
        ("DELETE FROM audit_tiles WHERE level = -1 AND number = 0", "tile-root-altered"),
        ("INSERT INTO audit_tiles SELECT 0, 9, hashes FROM audit_tiles WHERE level = 0 LIMIT 1",
         "tile-unexpected"),
        ("INSERT INTO audit_tiles SELECT 1, 0, hashes FROM audit_tiles WHERE level = 0 LIMIT 1",
         "tile-altered"),
        ("UPDATE audit_head SET root = decode(repeat('00', 32), 'hex')", "head-altered"),
        ("UPDATE audit_head SET frontier = set_byte(frontier, 3, get_byte(frontier, 3) # 1)",
         "frontier-altered"),
        ("UPDATE audit_head SET checkpoint = replace(checkpoint, '700', '701')",
         "checkpoint-altered"),
        ("UPDATE audit_head SET checkpoint = 'nothing'", "checkpoint-altered"),
    ],
)  # fmt: skip
def test_what_was_done_to_tiles_or_head_is_named(
    filled: Any, intruder: Any, prove: Prove, statement: str, code: str
) -> None:
    intruder.execute(statement)
    assert named(prove()) == [(code, None)]


def test_a_head_that_claims_more_than_was_signed_is_found(
    filled: Any, intruder: Any, prove: Prove
) -> None:
    intruder.execute("UPDATE audit_head SET size = 4611686018427387904, checkpoint = 'nothing'")
    assert ("checkpoint-altered", None) in named(prove())


def test_a_missing_head_is_found(filled: Any, intruder: Any, prove: Prove) -> None:
    intruder.execute("DELETE FROM audit_head")
    assert ("head-missing", None) in named(prove())


@pytest.mark.parametrize("index", [5, 650])
def test_a_leaf_column_that_was_changed_is_told_from_a_changed_record(
    filled: Any, intruder: Any, prove: Prove, index: int
) -> None:
    intruder.execute("UPDATE audit_records SET leaf = %s WHERE index = %s", (bytes(32), index))
    assert named(prove()) == [("leaf-altered", index)]


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'lookup'",
        "subject = NULL",
        "recorded_at = recorded_at + interval '1 second'",
        "department = 'x'",
        "system = 'x'",
        "operator = 'x'",
        "case_number = 'x'",
        "lookup = 'x'",
    ],
)
def test_a_column_that_hides_a_record_from_searches_is_found(
    filled: Any, intruder: Any, prove: Prove, change: str
) -> None:
    intruder.execute(f"UPDATE audit_records SET {change} WHERE index = 300")
    assert named(prove()) == [("column-altered", 300)]


def test_many_changes_at_once_are_each_named(filled: Any, intruder: Any, prove: Prove) -> None:
    intruder.execute("UPDATE audit_records SET body = %s WHERE index IN (5, 300, 650)", (ALTERED,))
    intruder.execute("DELETE FROM audit_records WHERE index IN (40, 41, 42)")
    swap(intruder, 100, 101)
    report = prove()
    assert named(report) == [
        ("altered", 5), ("deleted", 40), ("reordered", 100), ("reordered", 101),
        ("altered", 300), ("altered", 650),
    ]  # fmt: skip
    assert next(f for f in report.findings if f.code == "deleted").last == 42


def test_a_key_that_did_not_sign_the_log_proves_nothing(filled: Any, database: Database) -> None:
    other = NoteSigner.from_private_key(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"2" * 32))
    evidence = DatabaseEvidence.open(database.app_url)
    try:
        found = verify(evidence, other.verifier.vkey, ORIGIN)
    finally:
        evidence.close()
    assert named(found) == [("checkpoint-altered", None)]


def test_an_older_checkpoint_of_another_log_is_refused(prove: Prove, filled: Any) -> None:
    with pytest.raises(NoteRefused):
        prove(against="other.example\n1\n" + "A" * 43 + "=\n\n— x AAAAAAAA\n")


def test_moves_among_shifted_records_are_still_told() -> None:
    # Record 2 was deleted, the rest moved up, and 6 and 7 changed places on the way.
    leaf = [bytes([number]) * 32 for number in range(10)]
    order = [0, 1, 3, 4, 5, 7, 6, 8, 9]
    places = [Place(at, leaf[belongs], leaf[at]) for at, belongs in enumerate(order)]
    places.append(Place(9, None, leaf[9]))
    found = [(finding.code, finding.index) for finding in name_deviations(places)]
    assert found == [("deleted", 2), ("reordered", 5)]
