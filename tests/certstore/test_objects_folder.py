"""The folder store alone: what it puts on disk, in which order, and what a crash leaves."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certstore.errors import ObjectError, StoreFault
from certstore.objects import FolderStore, SignedLinks

DAY = timedelta(days=1)
UNTIL = datetime(2999, 1, 1, tzinfo=UTC)


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    (tmp_path / "objects" / "incoming").rmdir()
    for act in (lambda: store.put(b"x", "text/plain"), store.check):
        with pytest.raises(StoreFault) as caught:
            act()
        assert (caught.value.code, caught.value.cause) == ("unavailable", "unreachable")
    (tmp_path / "objects" / "incoming").write_text("a file in the way")
    with pytest.raises(StoreFault):
        FolderStore(tmp_path / "objects")


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFault) as caught:
        store.put(b"x", "text/plain")
    assert caught.value.cause == "full"


def test_an_object_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / "objects")
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        events.append("fsync folder" if folder else "fsync file")
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        events.append(f"name {'retention' if target.suffix else 'object'}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    store.put(b"durable", "text/plain")
    assert events == ["fsync file", *["fsync folder"] * 2, "name object", "fsync folder"]
    events.clear()
    store.put(b"durable", "text/plain", retain_until=UNTIL)
    assert events == ["fsync file", "fsync file", "name retention", *["fsync folder"] * 2]
    events.clear()
    store.put(b"sealed", "text/plain", retain_until=UNTIL)
    assert events.index("name retention") < events.index("name object"), "never without its lock"
    assert events[-2:] == ["name object", "fsync folder"]


@pytest.mark.parametrize("persisted", [False, True], ids=["before it acts", "after it acted"])
@pytest.mark.parametrize("nth", range(6))
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_put_that_fails_at_any_step_is_whole_or_nothing_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, nth: int, persisted: bool
) -> None:
    store = FolderStore(tmp_path)
    place: Any = os if step == "fsync" else Path
    real: Callable[..., Any] = getattr(place, step)
    calls = 0

    def failing(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls - 1 != nth:
            return real(*args)
        if persisted:
            real(*args)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(place, step, failing)
    name = hashlib.sha256(b"sealed").hexdigest()
    try:
        store.put(b"sealed", "text/plain", retain_until=UNTIL)
        failed = False
    except StoreFault as fault:
        assert fault.cause == "unreachable"
        failed = True
    assert failed is (nth < calls)
    monkeypatch.undo()
    if store.exists(name):
        assert store.get(name) == b"sealed"
        assert store.stat(name).retain_until == UNTIL, "a sealed object is never without its lock"
    assert list((tmp_path / "incoming").iterdir()) == []
    assert store.put(b"sealed", "text/plain", retain_until=UNTIL).sha256 == name
    assert store.get(name) == b"sealed" and store.stat(name).retain_until == UNTIL


def test_what_a_crash_left_is_swept_when_it_is_old(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    left = tmp_path / "incoming" / "0123456789abcdef"
    left.write_bytes(b"half an upl")
    now = datetime.now(UTC)
    assert store.sweep(now=now, older_than=DAY) == 0
    assert list(store) == []
    assert store.sweep(now=now + 2 * DAY, older_than=DAY) == 1
    assert not left.exists()


def test_putting_again_makes_an_old_object_young(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    ref = store.put(b"given twice", "text/plain")
    path = tmp_path / ref.sha256[:2] / ref.sha256[2:4] / ref.sha256
    os.utime(path, (0, 0))
    store.put(b"given twice", "text/plain")
    with pytest.raises(ObjectError) as caught:
        store.discard(ref.sha256, now=datetime.now(UTC), older_than=DAY)
    assert caught.value.code == "too-young"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"retain_until": "soon", "held": false}', b'{"held": 1}',
     b'{"retain_until": "2001-01-01T00:00:00", "held": false}', b"\xff"],
    ids=["empty", "cut", "list", "no time", "no end", "no zone", "no text"],
)  # fmt: skip
def test_a_damaged_retention_keeps_its_object(tmp_path: Path, content: bytes) -> None:
    store = FolderStore(tmp_path)
    ref = store.put(b"sealed", "text/plain", retain_until=UNTIL)
    [beside] = tmp_path.rglob("*.retention")
    beside.write_bytes(content)
    with pytest.raises(ObjectError) as caught:
        store.discard(ref.sha256, now=datetime.now(UTC), older_than=-DAY)
    assert caught.value.code == "held"


def test_a_retention_that_is_over_keeps_nothing(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    ref = store.put(b"sealed", "text/plain", retain_until=UNTIL)
    store.discard(ref.sha256, now=UNTIL + DAY, older_than=-DAY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_many_objects_are_listed_in_flat_memory_and_order(tmp_path: Path) -> None:
    import tracemalloc

    for number in range(3000):
        name = hashlib.sha256(b"%d" % number).hexdigest()
        folder = tmp_path / name[:2] / name[2:4]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    store = FolderStore(tmp_path)
    tracemalloc.start()
    before, count = "", 0
    for listed in store.listed():
        assert listed.sha256 > before
        before, count = listed.sha256, count + 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3000
    assert peak < 300_000


LINKS = SignedLinks("http://hub.test/v1/objects", b"k" * 32)
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


def asked(link: str) -> dict[str, Any]:
    from urllib.parse import parse_qs, urlsplit

    query = {key: values[0] for key, values in parse_qs(urlsplit(link).query).items()}
    return {
        "name": urlsplit(link).path.rsplit("/", 1)[-1],
        "expires": int(query["expires"]),
        "media_type": query.get("type"),
        "signature": query["signature"],
    }


def test_a_link_holds_until_it_expires() -> None:
    link = LINKS.link("0" * 64, now=NOW, lifetime=timedelta(minutes=5), media_type="image/png")
    LINKS.check(**asked(link), now=NOW)
    LINKS.check(**asked(link), now=NOW + timedelta(minutes=5))
    for at in (NOW + timedelta(minutes=5, seconds=1), NOW - timedelta(days=8)):
        with pytest.raises(ObjectError) as caught:
            LINKS.check(**asked(link), now=at)
        assert caught.value.code == "bad-link"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "1" * 64},
        {"expires": int(NOW.timestamp()) + 301},
        {"media_type": "text/html"},
        {"media_type": None},
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": "é"},
    ],
    ids=["object", "expiry", "type", "no type", "signature", "no signature", "no ascii"],
)
def test_a_link_that_was_changed_does_not_hold(change: dict[str, Any]) -> None:
    link = LINKS.link("0" * 64, now=NOW, lifetime=timedelta(minutes=5), media_type="image/png")
    with pytest.raises(ObjectError) as caught:
        LINKS.check(**(asked(link) | change), now=NOW)
    assert caught.value.code == "bad-link"


def test_another_key_makes_another_link() -> None:
    other = SignedLinks(LINKS.base, b"o" * 32)
    link = other.link("0" * 64, now=NOW, lifetime=timedelta(minutes=5))
    with pytest.raises(ObjectError):
        LINKS.check(**asked(link), now=NOW)
    assert "kkkk" not in repr(LINKS)
