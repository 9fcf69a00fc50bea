"""What `yici check-store` prints, how it ends, and how it goes on after it was cut off."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from exchange.stores import checking, commands
from exchange.stores.findings import KEPT, KINDS, Tally
from tests.stores.conftest import QUIET, Room

HAN = re.compile(r"[\u4e00-\u9fff]")


def run(room: Room, options: Any = QUIET, **more: Any) -> tuple[int, str]:
    output = StringIO()
    code = commands.check_store(Console(file=output, width=40), room.service, options, **more)
    return code, output.getvalue()


def test_a_clean_store_ends_with_0_and_says_so_in_both_languages(room: Room) -> None:
    room.give(b"a plan")
    code, said = run(room)
    assert code == 0
    assert "未发现问题" in said and "nothing found" in said


def test_every_finding_has_a_line_and_ends_with_1_even_where_all_was_mended(room: Room) -> None:
    missing = room.give(b"missing", stored=False)
    unlocked = room.seal(b"sealed", locked=False)
    code, said = run(room, replace(QUIET, repair=True))
    assert code == 1
    lines = {line.split()[1]: line for line in said.splitlines() if line.startswith("[")}
    assert lines.keys() == {missing, unlocked}
    assert "对象缺失" in lines[missing] and "no whole copy was found" in lines[missing]
    assert "(materials)" in lines[missing]
    assert "已修复 repaired" in lines[unlocked]
    assert "missing 1, not-locked 1; repaired 1" in said


def test_machines_get_a_json_object_a_line(room: Room) -> None:
    missing = room.give(b"missing", stored=False)
    code, said = run(room, as_json=True)
    finding, summary = [json.loads(line) for line in said.splitlines()]
    assert code == 1
    assert finding == {
        "finding": "missing",
        "sha256": missing,
        "tables": ["materials"],
        "repaired": False,
        "kept": None,
    }
    assert summary["summary"]["missing"] == 1 and summary["summary"]["named"] == 1


def test_a_run_that_was_stopped_goes_on_from_its_file(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(room.give(b"plan %d" % number) for number in range(12))
    for name in (names[0], names[11]):
        room.path(name).unlink()
    state = tmp_path / "progress"
    monkeypatch.setattr(checking, "BATCH", 5)
    real, batches = checking._count, 0

    def count(*args: Any) -> None:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(checking, "_count", count)
    code, said = run(room, state=state)
    assert code == 2 and names[0] in said and "stopped" in said
    assert json.loads(state.read_text())["after"] == names[9]
    monkeypatch.setattr(checking, "_count", real)
    code, said = run(room, state=state)
    assert code == 1, "what the first part found still counts"
    assert names[0] not in said and names[11] in said
    assert "named 12" in said and "missing 2" in said
    assert not state.exists()
    assert [r["outcome"] for r in room.records()] == ["failed", "done"]


@pytest.mark.parametrize("content", ["", "{}", '{"after": 3}', "nonsense"])
def test_a_file_that_holds_no_progress_is_refused(room: Room, tmp_path: Path, content: str) -> None:
    state = tmp_path / "progress"
    state.write_text(content)
    code, said = run(room, state=state)
    assert code == 2 and "remove it" in said and HAN.search(said)
    assert state.read_text() == content


def test_a_tally_is_written_and_read_back() -> None:
    tally = Tally(named=3, hashed=2, after="ab")
    tally.found["litter"] = 7
    assert Tally.from_dict(json.loads(json.dumps(tally.as_dict()))) == tally


@pytest.mark.parametrize("texts", [*KINDS.values(), *KEPT.values()], ids=[*KINDS, *KEPT])
def test_every_text_speaks_both_languages(texts: tuple[str, str]) -> None:
    zh, en = texts
    assert HAN.search(zh) and en.isascii()
