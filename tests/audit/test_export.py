"""Exported logs, proven without a database, and the commands over both."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from exchange.audit import commands
from exchange.audit.errors import LogUnusable
from exchange.audit.evidence import DatabaseEvidence, FolderEvidence, build_line, parse_line
from exchange.audit.export import export
from exchange.audit.log import Log
from exchange.audit.proofs import verify_proof
from tests.audit.conftest import ALTERED, NONCE, ORIGIN, SIZE, record
from tests.conftest import Database

FORGED = build_line(NONCE, ALTERED)


@pytest.fixture
def exported(filled: Any, database: Database, log: Log, tmp_path: Path) -> Path:
    evidence = DatabaseEvidence.open(database.app_url)
    try:
        return export(evidence, tmp_path / "log", log.vkey).folder
    finally:
        evidence.close()


def run_verify(**options: Any) -> tuple[int, str]:
    told = io.StringIO()
    code = commands.verify(Console(file=told, width=200), **options)
    return code, told.getvalue()


def test_an_export_is_proven_without_a_database(exported: Path, log: Log) -> None:
    code, told = run_verify(folder=exported, vkey=log.vkey)
    assert code == 0
    assert "日志完好" in told
    assert "700" in told
    lines = (exported / "records.jsonl").read_bytes().split(b"\n")
    assert [parse_line(line)[1] for line in lines[:2]] == [record(0).body, record(1).body]
    assert (exported / "tile/0/002.p/188").stat().st_size == 188 * 32


def test_an_exports_own_key_is_used_with_a_warning(exported: Path, log: Log) -> None:
    code, told = run_verify(folder=exported)
    assert code == 0
    assert log.vkey in told
    assert "compare it" in told


@pytest.mark.parametrize("index", [5, 650])
def test_a_line_that_was_edited_deleted_or_moved_is_named(
    exported: Path, log: Log, index: int
) -> None:
    path = exported / "records.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)

    def told_after(changed: list[bytes]) -> str:
        path.write_bytes(b"".join(changed))
        code, told = run_verify(folder=exported, vkey=log.vkey)
        assert code == 1
        return told

    edited = told_after([*lines[:index], FORGED, *lines[index + 1 :]])
    assert f"record {index} was altered" in edited
    deleted = told_after([*lines[:index], *lines[index + 1 :]])
    assert f"record {index} was deleted" in deleted
    assert "altered" not in deleted
    moved = told_after([*lines[:index], lines[index + 1], lines[index], *lines[index + 2 :]])
    assert f"record {index + 1} stands at {index}" in moved
    inserted = told_after([*lines[:index], FORGED, *lines[index:]])
    assert f"record {index} was inserted" in inserted
    assert "cut off" in told_after(lines[:-3])


def test_a_tile_of_an_export_that_was_edited_is_named(exported: Path, log: Log) -> None:
    tile = exported / "tile/0/001"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    code, told = run_verify(folder=exported, vkey=log.vkey)
    assert code == 1
    assert "tile 0/1 was altered" in told
    assert "record" not in told.split("tile 0/1 was altered")[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"commitment", b"commitmenu", 1),
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"",
    ],
    ids=["edited", "cut", "longer", "emptied"],
)
@pytest.mark.parametrize("bundle", ["001", "002.p/188"])
def test_an_entry_bundle_of_an_export_that_was_edited_is_named(
    exported: Path, log: Log, bundle: str, change: Callable[[bytes], bytes]
) -> None:
    path = exported / "tile" / "entries" / bundle
    path.write_bytes(change(path.read_bytes()))
    code, told = run_verify(folder=exported, vkey=log.vkey)
    assert code == 1
    assert f"entry bundle {int(bundle[:3])} was altered" in told
    assert "1 findings" in told


def test_a_missing_and_a_surplus_entry_bundle_are_named(exported: Path, log: Log) -> None:
    entries = exported / "tile" / "entries"
    (entries / "000").rename(entries / "003")
    told = run_verify(folder=exported, vkey=log.vkey)[1]
    assert "entry bundle 0 was altered or is missing" in told
    assert "tile 0/3 lies beyond" in told


def test_what_is_no_export_is_unusable(tmp_path: Path, log: Log) -> None:
    assert run_verify(folder=tmp_path, vkey=log.vkey)[0] == 2
    assert run_verify(folder=tmp_path)[0] == 2
    assert run_verify()[0] == 2
    assert run_verify(vkey=log.vkey)[0] == 2
    assert run_verify(folder=tmp_path, vkey="nonsense")[0] == 2


def test_a_damaged_log_is_not_exported(
    filled: Any, intruder: Any, database: Database, log: Log, tmp_path: Path
) -> None:
    intruder.execute("DELETE FROM audit_records WHERE index = 40")
    code = commands.export(
        Console(file=io.StringIO()), tmp_path / "log", database_url=database.app_url, vkey=log.vkey
    )
    assert code == 2
    assert not (tmp_path / "log" / "checkpoint").exists()


def test_an_export_overwrites_nothing(exported: Path, database: Database, log: Log) -> None:
    evidence = DatabaseEvidence.open(database.app_url)
    try:
        with pytest.raises(LogUnusable):
            export(evidence, exported, log.vkey)
    finally:
        evidence.close()


def test_commands_say_what_holds_and_end_with_their_code(
    filled: Any, intruder: Any, database: Database, log: Log, tmp_path: Path
) -> None:
    told = io.StringIO()
    console = Console(file=told, width=200)
    url = database.app_url
    assert commands.verify(console, database_url=url, vkey=log.vkey) == 0
    kept = tmp_path / "one.json"
    assert commands.prove(console, "42", database_url=url, vkey=log.vkey, output=kept) == 0
    assert commands.verify_file(console, kept, vkey=log.vkey, policy=None) == 0
    assert (
        verify_proof(json.loads(kept.read_text()), log.vkey, ORIGIN).record["reason"] == "number 42"
    )
    kept.write_text(kept.read_text().replace("number 42", "number 43"))
    assert commands.verify_file(console, kept, vkey=log.vkey, policy=None) == 1
    kept.write_text("nothing")
    assert commands.verify_file(console, kept, vkey=log.vkey, policy=None) == 1
    for absent in ("7000", "0197a000-0000-7000-8000-000000000001"):
        assert commands.prove(console, absent, database_url=url, vkey=log.vkey) == 2
    intruder.execute("UPDATE audit_records SET body = %s WHERE index = 42", (ALTERED,))
    assert commands.verify(console, database_url=url, vkey=log.vkey) == 1
    assert commands.prove(console, "42", database_url=url, vkey=log.vkey) == 1
    assert "第 42 条记录被改动 · record 42 was altered" in told.getvalue()
    gone = url.replace(database.name, "nowhere")
    assert commands.verify(console, database_url=gone, vkey=log.vkey) == 2
    assert "nowhere" not in told.getvalue()


def test_a_copy_of_the_folder_is_as_good(exported: Path, log: Log, tmp_path: Path) -> None:
    copied = tmp_path / "elsewhere"
    shutil.copytree(exported, copied)
    assert FolderEvidence(copied).find_last_index() == SIZE - 1
    assert run_verify(folder=copied, vkey=log.vkey)[0] == 0
