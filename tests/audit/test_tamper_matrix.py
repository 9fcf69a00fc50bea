"""What a database superuser may do to the log, and which check finds it, when.

`docs/audit-events.md` shows the same table; each row of it is one of these tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from exchange.audit.errors import LogDamaged, RecordAbsent
from exchange.audit.evidence import DatabaseEvidence, FolderEvidence
from exchange.audit.export import export
from exchange.audit.log import Log, checkpoint, receipt_for
from exchange.audit.published import read_bundle, read_tile
from exchange.audit.tiles import partial_tiles
from exchange.audit.verify import verify
from tests.audit.conftest import NOW, ORIGIN, SIZE, grow, record
from tests.conftest import ROOT, Database

FLIP = "set_byte({0}, 10, get_byte({0}, 10) # 1)"
SWAP = (
    "UPDATE audit_records SET index = -9 WHERE index = 3;"
    "UPDATE audit_records SET index = 3 WHERE index = 4;"
    "UPDATE audit_records SET index = 4 WHERE index = -9"
)
INSERT = (
    "INSERT INTO audit_records (index, recorded_at, kind, leaf, body, nonce)"
    f" SELECT {SIZE}, recorded_at, kind, leaf, body, nonce FROM audit_records WHERE index = 5"
)
BACK = (
    "DELETE FROM audit_records WHERE index >= 600; DELETE FROM audit_tiles WHERE number >= 2;"
    "UPDATE audit_head h SET size = k.size, frontier = k.frontier, root = k.root,"
    " checkpoint = k.checkpoint FROM kept k"
)


@dataclass(frozen=True)
class Deed:
    """One deed, and who finds it: append, receipt, publication, verify, an older checkpoint."""

    statement: str
    append: bool = False
    receipt: bool = False
    publication: bool = False
    verify: bool = True
    older: bool = True


DEEDS = {
    "flip a record": Deed(
        f"UPDATE audit_records SET body = {FLIP.format('body')} WHERE index = 5",
        receipt=True, publication=True,
    ),
    "flip a nonce": Deed(
        f"UPDATE audit_records SET nonce = {FLIP.format('nonce')} WHERE index = 5",
        receipt=True, publication=True,
    ),
    "delete a record": Deed(
        "DELETE FROM audit_records WHERE index = 5", receipt=True, publication=True
    ),
    "insert a record behind the end": Deed(INSERT, append=True),
    "reorder two records": Deed(SWAP, receipt=True, publication=True),
    "hide a record from searches": Deed("UPDATE audit_records SET kind = 'x' WHERE index = 5"),
    "cut off the end": Deed(f"DELETE FROM audit_records WHERE index >= {SIZE - 9}",
                            append=True, receipt=True, publication=True),
    "empty the table of records": Deed(
        "TRUNCATE audit_records", append=True, receipt=True, publication=True
    ),
    "empty the table of tiles": Deed("TRUNCATE audit_tiles", receipt=True),
    "empty the head": Deed("TRUNCATE audit_head", append=True, receipt=True, publication=True),
    "flip a tile": Deed(
        f"UPDATE audit_tiles SET hashes = {FLIP.format('hashes')} WHERE level = 0 AND number = 0",
        receipt=True, publication=True,
    ),
    "flip the root in the head": Deed(
        f"UPDATE audit_head SET root = {FLIP.format('root')}", append=True, receipt=True
    ),
    "change the checkpoint": Deed(
        "UPDATE audit_head SET checkpoint = replace(checkpoint, '700', '701')"
    ),
    "roll back the head alone": Deed(
        "UPDATE audit_head h SET size = k.size, frontier = k.frontier, root = k.root,"
        " checkpoint = k.checkpoint FROM kept k",
        append=True, publication=True,
    ),
    "roll back the whole log": Deed(BACK, publication=True, verify=False),
}  # fmt: skip


@pytest.fixture
def older(log: Log, application: Any, intruder: Any) -> str:
    """A log of 700 records, a checkpoint of it kept elsewhere, and a copy of an earlier head."""
    grow(log, application, 600)
    intruder.execute("CREATE TABLE kept AS SELECT * FROM audit_head")
    grow(log, application, SIZE - 600)
    with application.cursor() as cursor:
        kept = checkpoint(cursor)
    application.rollback()
    return kept


def refused(connection: Any, ask: Callable[[Any], object]) -> bool:
    """Whether it is refused; nothing is kept."""
    try:
        with connection.cursor() as cursor:
            ask(cursor)
    except (LogDamaged, RecordAbsent, psycopg2.Error):  # absent: the head to prove from is gone
        return True
    finally:
        connection.rollback()
    return False


def get_receipts(cursor: Any) -> None:
    for index in (3, 5):
        receipt_for(cursor, index)


def publish_everything(cursor: Any) -> None:
    for number in range(2):
        read_tile(cursor, f"tile/0/{number:03}")
        read_bundle(cursor, f"tile/entries/{number:03}")
    tail, *_ = partial_tiles(SIZE)
    read_tile(cursor, tail.path())
    read_bundle(cursor, tail.entries_path())


@pytest.mark.parametrize("name", DEEDS)
def test_what_was_done_is_found_where_the_table_says(
    log: Log, older: str, application: Any, intruder: Any, database: Database, name: str
) -> None:
    deed = DEEDS[name]
    intruder.execute(deed.statement)
    found = {
        "append": refused(application, lambda cursor: log.append(cursor, [record(1)] * 90, NOW)),
        "receipt": refused(application, get_receipts),
        "publication": refused(application, publish_everything),
    }
    for against in (None, older):
        evidence = DatabaseEvidence.open(database.app_url)
        try:
            report = verify(evidence, log.vkey, ORIGIN, against=against)
        finally:
            evidence.close()
        found["older" if against else "verify"] = not report.ok
    assert found == {check: getattr(deed, check) for check in found}


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("records.jsonl", lambda content: content.replace(b"number 5", b"number 6", 1)),
        ("tile/0/000", lambda content: bytes(32) + content[32:]),
        ("tile/1/000.p/2", lambda content: bytes(32) + content[32:]),
        ("tile/entries/000", lambda content: content.replace(b"0", b"1", 1)),
        ("checkpoint", lambda content: content.replace(b"700", b"701", 1)),
    ],
    ids=["records", "leaf-tile", "upper-tile", "entries", "checkpoint"],
)
def test_what_was_done_to_an_export_is_found_by_verify(
    log: Log,
    filled: Any,
    database: Database,
    tmp_path: Path,
    path: str,
    change: Callable[[bytes], bytes],
) -> None:
    evidence = DatabaseEvidence.open(database.app_url)
    try:
        folder = export(evidence, tmp_path / "log", log.vkey).folder
    finally:
        evidence.close()
    assert verify(FolderEvidence(folder), log.vkey, ORIGIN).ok
    (folder / path).write_bytes(change((folder / path).read_bytes()))
    assert not verify(FolderEvidence(folder), log.vkey, ORIGIN).ok


def test_the_document_shows_this_table() -> None:
    text = (ROOT / "docs" / "audit-events.md").read_text("utf-8")
    table = text.split("<!-- deeds -->")[1].split("<!-- /deeds -->")[0]
    rows = {
        cells[0].strip(): [mark.strip() for mark in cells[1:6]]
        for cells in (line.strip("|").split("|") for line in table.splitlines() if "|" in line)
        if not re.match(r" *(-*$|Deed)", cells[0])
    }
    assert rows == {
        name: ["✓" if getattr(deed, check) else "–" for check in
               ("append", "receipt", "publication", "verify", "older")]
        for name, deed in DEEDS.items()
    }  # fmt: skip
