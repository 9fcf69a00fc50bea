"""Rows and objects are compared by name; what is wrong is named, and mended where it can be."""

from __future__ import annotations

import os
import threading
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from certstore.errors import StoreFault
from certstore.objects import FolderStore
from exchange.stores import checking
from exchange.stores.checking import Options
from exchange.stores.comparing import Measure
from exchange.stores.findings import Tally
from tests.stores.conftest import QUIET, UNTIL, Room

DAY = timedelta(days=1)
REPAIR = replace(QUIET, repair=True)


def test_what_agrees_is_clean_and_stands_in_the_log(room: Room) -> None:
    room.give(b"a plan")
    room.give(b"a plan")
    room.seal(b"a certificate")
    done = room.check()
    assert done.findings == []
    assert (done.tally.named, done.tally.stored, done.tally.hashed) == (2, 2, 2)
    assert room.records() == [{"act": "check", "outcome": "done", "counts": done.tally.counts()}]


def test_each_kind_of_finding_is_named(room: Room) -> None:
    missing = room.give(b"missing", stored=False)
    altered = room.give(b"altered")
    room.path(altered).write_bytes(b"ALTERED")
    shorter = room.give(b"cut short")
    room.path(shorter).write_bytes(b"cut")
    wrong_size = room.give(b"right bytes", size=99)
    open_ = room.seal(b"not locked", locked=False)
    litter = room.store.put(b"litter", "text/plain").sha256
    room.clock.by = DAY
    done = room.check()
    assert done.kinds == {
        missing: "missing",
        altered: "altered",
        shorter: "altered",
        wrong_size: "wrong-size",
        open_: "not-locked",
        litter: "litter",
    }
    assert [f.sha256 for f in done.findings] == sorted(done.kinds), "in the order of names"
    assert {f.sha256: f.tables for f in done.findings}[open_] == ("sealed_of_a_test",)
    assert done.tally.findings == 6 and done.tally.repaired == 0
    assert room.store.exists(litter), "a check alone changes nothing"


def test_an_object_just_put_is_no_litter_yet(room: Room) -> None:
    room.store.put(b"an upload under way", "text/plain")
    done = room.check()
    assert done.findings == [] and done.tally.young == 1


def test_an_object_named_while_the_check_runs_is_neither_missing_nor_litter(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = room.store.put(b"reused", "text/plain").sha256
    room.clock.by = DAY
    real = checking.settled

    def settled(*args: Any, **more: Any) -> Any:
        room.name_material(name, len(b"reused"))
        return real(*args, **more)

    monkeypatch.setattr(checking, "settled", settled)
    assert room.check(REPAIR).findings == []
    assert room.store.exists(name)


def test_a_material_put_after_the_listing_went_by_is_not_missing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = room.give(b"late")
    monkeypatch.setattr(room.store, "listed", lambda **more: iter(()))
    assert room.check().findings == []
    assert room.store.exists(name)


def test_litter_is_discarded_and_what_is_kept_by_law_stays(room: Room) -> None:
    litter = room.store.put(b"litter", "text/plain").sha256
    more = room.store.put(b"more litter", "text/plain").sha256
    retained = room.store.put(b"retained", "text/plain", retain_until=UNTIL).sha256
    held = room.store.put(b"held", "text/plain").sha256
    room.store.hold(held, True)
    left = room.folder / "incoming" / "half"
    left.write_bytes(b"half an upl")
    room.clock.by = DAY
    done = room.check(REPAIR)
    kept = {finding.sha256: finding.kept for finding in done.findings}
    assert kept == {litter: None, more: None, retained: "retained", held: "held"}
    assert set(room.store) == {retained, held} and not left.exists()
    assert (done.tally.repaired, done.tally.swept) == (2, 1)
    names = "".join(f"{name}\n" for name in sorted((litter, more)))
    assert room.records() == [
        {"act": "repair", "outcome": "pending"},
        {
            "act": "discard",
            "outcome": "done",
            "count": 2,
            "result": sha256(names.encode()).hexdigest(),
        },
        {"act": "repair", "outcome": "done", "counts": done.tally.counts()},
    ]
    assert room.check(REPAIR).tally.found["litter"] == 2


def test_litter_that_is_put_again_during_the_check_stays(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = room.store.put(b"given again", "text/plain").sha256
    os.utime(room.path(name), (0, 0))
    real = room.store.discard

    def discard(*args: Any, **more: Any) -> None:
        room.store.put(b"given again", "text/plain")
        real(*args, **more)

    monkeypatch.setattr(room.store, "discard", discard)
    [finding] = room.check(REPAIR).findings
    assert (finding.kind, finding.repaired, finding.kept) == ("litter", False, "too-young")
    assert room.store.get(name) == b"given again"


def test_whole_copies_come_back_from_another_folder(room: Room, tmp_path: Path) -> None:
    backup = FolderStore(tmp_path / "backup")
    missing = room.seal(b"a sealed file")
    altered = room.give(b"altered")
    lost = room.give(b"lost everywhere", stored=False)
    spoiled = room.give(b"spoiled in both", stored=False)
    for content in (b"a sealed file", b"altered", b"spoiled in both"):
        backup.put(content, "application/pdf")
    room.path(missing).unlink()
    room.path(missing).with_name(f"{missing}.retention").unlink()
    room.path(altered).write_bytes(b"ALTERED")
    (tmp_path / "backup" / spoiled[:2] / spoiled[2:4] / spoiled).write_bytes(b"SPOILED")
    reading = FolderStore(tmp_path / "backup", reading=True)
    done = room.check(replace(REPAIR, other=reading))
    assert {f.sha256: (f.repaired, f.kept) for f in done.findings} == {
        missing: (True, None),
        altered: (True, None),
        lost: (False, "nowhere"),
        spoiled: (False, "nowhere"),
    }
    assert room.store.get(missing) == b"a sealed file" and room.store.get(altered) == b"altered"
    assert room.store.stat(missing).retain_until == UNTIL
    restored = [record for record in room.records() if record["act"] == "restore"]
    assert {record["result"] for record in restored} == {missing, altered}
    assert set(room.check(REPAIR).kinds) == {lost, spoiled}


def test_what_should_be_locked_is_locked(room: Room) -> None:
    never = room.seal(b"never locked", locked=False)
    short = room.seal(b"locked too shortly", locked=False)
    room.store.retain(short, UNTIL - DAY)
    done = room.check(REPAIR)
    assert done.kinds == {never: "not-locked", short: "not-locked"}
    assert {room.store.stat(name).retain_until for name in (never, short)} == {UNTIL}
    assert room.check().findings == []
    assert [r["act"] for r in room.records() if r.get("result")] == ["retain", "retain"]


def test_a_retention_that_is_over_needs_no_lock(room: Room) -> None:
    room.seal(b"long ago", locked=False, until=room.clock.now() - DAY)
    assert room.check().findings == []


def test_a_row_whose_size_is_wrong_is_left_to_whoever_wrote_it(room: Room) -> None:
    room.give(b"twice given")
    room.give(b"twice given", size=3)
    [finding] = room.check(REPAIR).findings
    assert (finding.kind, finding.repaired, finding.kept) == ("wrong-size", False, "row")


def test_a_row_whose_name_is_no_hash_is_missing(room: Room) -> None:
    room.name_material("../../etc/passwd", 1)
    assert room.check().kinds == {"../../etc/passwd": "missing"}


def test_samples_of_successive_days_read_every_object_once(room: Room) -> None:
    names = [room.give(b"plan %d" % number) for number in range(30)]
    read: list[int] = []
    for day in range(4):
        room.clock.by = timedelta(days=day)
        measure = Measure(room.clock.now(), DAY, 4)
        read.append(sum(measure.is_read(name) for name in names))
        assert room.check(replace(QUIET, one_in=4)).tally.hashed == read[-1]
    assert sum(read) == 30 and all(read)


def test_a_store_that_fails_midway_ends_the_run_and_the_log_says_so(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.give(b"a plan")

    def fails(name: str) -> Any:
        raise StoreFault("unreachable", "不可用", "gone")

    monkeypatch.setattr(room.store, "stream", fails)
    with pytest.raises(StoreFault):
        room.check(REPAIR)
    assert [r["outcome"] for r in room.records()] == ["pending", "failed"]


@pytest.mark.parametrize(
    "wrong", [{"one_in": 0}, {"grace": timedelta(minutes=119)}], ids=["sample", "grace"]
)
def test_options_that_would_do_harm_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Options(**wrong)


def test_a_run_that_was_cut_off_goes_on_where_it_was(room: Room) -> None:
    names = sorted(room.give(b"plan %d" % number) for number in range(20))
    room.path(names[3]).unlink()
    room.path(names[15]).unlink()
    first = room.check()
    second = room.check(tally=Tally(after=names[9]))
    assert set(first.kinds) == {names[3], names[15]} and set(second.kinds) == {names[15]}
    assert (second.tally.named, second.tally.after) == (10, names[19])


def test_twenty_thousand_objects_are_compared_in_flat_memory(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "named_objects", _in_pages_of(2000, checking.named_objects))
    names = [sha256(b"%d" % number).hexdigest() for number in range(20_000)]
    for name in names[1:]:
        path = room.path(name)
        try:
            path.touch()
        except FileNotFoundError:
            path.parent.mkdir(parents=True)
            path.touch()
    room.name_materials((name, 0) for name in names)
    reached: list[str] = []
    tally, found = Tally(), []
    tracemalloc.start()
    room.service.run(
        replace(QUIET, one_in=10_000_019),
        tally,
        report=found.append,
        reached=lambda now: reached.append(now.after),
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tally.named, tally.stored) == (20_000, 19_999)
    assert [finding.sha256 for finding in found] == [names[0]]
    assert reached == sorted(reached) and len(reached) == 79
    assert peak < 8_000_000


def _in_pages_of(page: int, real: Any) -> Any:
    return lambda *args, **more: real(*args, **more, page=page)


def test_uploads_during_a_repair_lose_nothing(room: Room) -> None:
    """Objects are put, then named, while repairs discard whatever looks like litter."""
    contents = [b"material %d" % number for number in range(60)]
    for content in contents:
        name = room.store.put(content, "text/plain").sha256
        os.utime(room.path(name), (0, 0))
    done = threading.Event()

    def give_all() -> None:
        for content in contents:
            room.give(content)
        done.set()

    giving = threading.Thread(target=give_all)
    giving.start()
    while not done.is_set():
        room.check(REPAIR)
    giving.join()
    final = room.check()
    assert final.findings == [] and final.tally.named == 60
