"""One contract for every object store: a folder, and a real S3 server."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from certstore.errors import ObjectError
from certstore.objects import FolderStore, ObjectRef, ObjectStore, S3Store, SignedLinks
from tests.s3_server import S3Server

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LINKS = SignedLinks("http://hub.test/v1/objects", b"k" * 32)


@dataclass(frozen=True)
class Case:
    """A store, a second door to the same objects, and ways to spoil and to age one behind its
    back."""

    store: ObjectStore
    again: ObjectStore
    spoil: Callable[[str, bytes], None]


def folder_case(root: Path) -> Case:
    def spoil(name: str, content: bytes) -> None:
        (root / name[:2] / name[2:4] / name).write_bytes(content)

    return Case(FolderStore(root, links=LINKS), FolderStore(root), spoil)


def s3_store(server: S3Server, bucket: str, **more: Any) -> S3Store:
    return S3Store(
        server.endpoint, server.access_key, server.secret_key, bucket, secure=False, **more
    )


def s3_case(server: S3Server) -> Case:
    bucket = f"test-{secrets.token_hex(6)}"
    store = s3_store(server, bucket, links=LINKS)
    store.prepare()
    store.prepare()

    def spoil(name: str, content: bytes) -> None:
        store._client.put_object(
            bucket, f"{name[:2]}/{name[2:4]}/{name}", BytesIO(content), len(content)
        )

    return Case(store, s3_store(server, bucket), spoil)


@pytest.fixture(params=["folder", "s3"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param == "folder":
        return folder_case(tmp_path / "objects")
    return s3_case(request.getfixturevalue("s3_server"))


def name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_is_put_is_got_under_its_hash(case: Case) -> None:
    ref = case.store.put("营业执照".encode(), "text/plain")
    assert ref == ObjectRef(name_of("营业执照".encode()), 12)
    assert case.store.get(ref.sha256) == "营业执照".encode()
    assert case.again.get(ref.sha256) == "营业执照".encode()
    assert case.store.exists(ref.sha256)


def test_putting_twice_is_one_object(case: Case) -> None:
    first = case.store.put(b"once", "text/plain")
    assert case.again.put(BytesIO(b"once"), "text/plain") == first
    assert list(case.store) == [first.sha256]


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 9 * 1024 * 1024 + 1])
def test_objects_of_any_size_are_kept_whole(case: Case, size: int) -> None:
    content = os.urandom(size)
    ref = case.store.put(BytesIO(content), "application/octet-stream")
    assert ref == ObjectRef(name_of(content), size)
    assert case.store.get(ref.sha256) == content


def test_an_altered_object_is_never_handed_out(case: Case) -> None:
    ref = case.store.put(b"the truth", "text/plain")
    case.spoil(ref.sha256, b"something else")
    with pytest.raises(ObjectError) as caught:
        case.store.get(ref.sha256)
    assert caught.value.code == "altered"


def test_putting_again_heals_an_object_that_was_cut_short(case: Case) -> None:
    ref = case.store.put(b"the truth", "text/plain")
    case.spoil(ref.sha256, b"the tru")
    assert case.store.put(b"the truth", "text/plain") == ref
    assert case.store.get(ref.sha256) == b"the truth"


def test_what_was_never_put_is_not_found(case: Case) -> None:
    missing = name_of(b"never put")
    assert not case.store.exists(missing)
    with pytest.raises(ObjectError) as caught:
        case.store.get(missing)
    assert caught.value.code == "not-found"


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"]
)
def test_a_name_that_is_no_hash_leads_nowhere(case: Case, name: str) -> None:
    for ask in (case.store.get, case.store.exists):
        with pytest.raises(ObjectError) as caught:
            ask(name)
        assert caught.value.code == "bad-name"


def test_all_objects_are_listed(case: Case) -> None:
    names = {
        case.store.put(f"object {number}".encode(), "text/plain").sha256 for number in range(5)
    }
    assert set(case.store) == names


def test_objects_are_listed_in_order_by_prefix_and_from_a_name_on(case: Case) -> None:
    refs = [case.store.put(f"object {number}".encode(), "text/plain") for number in range(40)]
    names = sorted(ref.sha256 for ref in refs)
    listed = list(case.store.listed())
    assert [each.sha256 for each in listed] == names
    assert {each.sha256: each.size for each in listed} == {ref.sha256: ref.size for ref in refs}
    assert all(abs(each.changed_at - datetime.now(UTC)) < HOUR for each in listed)
    for length in (1, 2, 3, 4, 5, 64):
        prefix = names[17][:length]
        found = [each.sha256 for each in case.store.listed(prefix)]
        assert found == [name for name in names if name.startswith(prefix)]
    for after in (names[0], names[20], names[39], names[20][:3], "f" * 64):
        found = [each.sha256 for each in case.store.listed(after=after)]
        assert found == [name for name in names if name > after]


@pytest.mark.parametrize("size", [0, 5, 1024 * 1024, 3 * 1024 * 1024 + 7])
def test_a_large_object_is_read_in_pieces(case: Case, size: int) -> None:
    content = os.urandom(size)
    ref = case.store.put(content, "application/pdf")
    pieces = list(case.store.stream(ref.sha256))
    assert b"".join(pieces) == content
    assert max((len(piece) for piece in pieces), default=0) <= 1024 * 1024


def test_an_altered_object_never_arrives_whole_in_pieces(case: Case) -> None:
    content = os.urandom(3 * 1024 * 1024)
    ref = case.store.put(content, "application/pdf")
    case.spoil(ref.sha256, content[:-1] + bytes([content[-1] ^ 1]))
    arrived = 0
    with pytest.raises(ObjectError) as caught:
        for piece in case.store.stream(ref.sha256):
            arrived += len(piece)
    assert caught.value.code == "altered"
    assert arrived < len(content)


def test_what_is_missing_has_no_state_no_bytes_and_no_lock(case: Case) -> None:
    missing = name_of(b"never put")
    asked: tuple[Callable[[], Any], ...] = (
        lambda: case.store.stat(missing),
        lambda: list(case.store.stream(missing)),
        lambda: case.store.retain(missing, datetime.now(UTC) + DAY),
        lambda: case.store.hold(missing, True),
        lambda: case.store.discard(missing, now=datetime.now(UTC), older_than=DAY),
    )
    for ask in asked:
        with pytest.raises(ObjectError) as caught:
            ask()
        assert caught.value.code == "not-found"
    assert not case.store.restore(missing)


def test_the_state_of_an_object_says_how_it_is_kept(case: Case) -> None:
    until = datetime(2999, 1, 2, 3, 4, 5, tzinfo=UTC)
    free = case.store.put(b"free", "text/plain")
    sealed = case.store.put(b"sealed", "application/pdf", retain_until=until)
    state = case.store.stat(free.sha256)
    assert (state.size, state.retain_until, state.held) == (4, None, False)
    assert case.store.stat(sealed.sha256).retain_until == until


def test_a_retained_object_is_not_discarded_and_its_retention_only_lengthened(case: Case) -> None:
    until = datetime(2999, 1, 1, tzinfo=UTC)
    ref = case.store.put(b"sealed", "application/pdf", retain_until=until)
    later = until + DAY
    assert case.again.put(b"sealed", "application/pdf", retain_until=later) == ref
    assert case.store.stat(ref.sha256).retain_until == later
    case.again.put(b"sealed", "application/pdf", retain_until=until)
    case.again.put(b"sealed", "application/pdf")
    assert case.store.stat(ref.sha256).retain_until == later
    acts: tuple[Callable[[], Any], ...] = (
        lambda: case.store.retain(ref.sha256, until),
        lambda: case.store.discard(ref.sha256, now=datetime.now(UTC), older_than=-DAY),
    )
    for act in acts:
        with pytest.raises(ObjectError) as caught:
            act()
        assert caught.value.code == "retained"
    case.store.retain(ref.sha256, later + DAY)
    assert case.store.stat(ref.sha256).retain_until == later + DAY
    assert case.store.get(ref.sha256) == b"sealed"


def test_an_object_is_retained_from_a_later_day_on(case: Case) -> None:
    until = datetime(2999, 1, 1, tzinfo=UTC)
    ref = case.store.put(b"a draft", "text/plain")
    case.store.retain(ref.sha256, until)
    assert case.store.stat(ref.sha256).retain_until == until


@pytest.mark.parametrize(
    "until",
    [datetime(2999, 1, 1), datetime(2001, 1, 1, tzinfo=UTC)],
    ids=["without a zone", "in the past"],
)
def test_a_retention_ends_at_a_time_to_come(case: Case, until: datetime) -> None:
    with pytest.raises(ObjectError) as caught:
        case.store.put(b"sealed", "application/pdf", retain_until=until)
    assert caught.value.code == "bad-retention"
    assert list(case.store) == []


def test_a_held_object_is_not_discarded_before_the_hold_is_lifted(case: Case) -> None:
    ref = case.store.put(b"evidence", "text/plain")
    case.store.hold(ref.sha256, True)
    assert case.again.stat(ref.sha256).held
    with pytest.raises(ObjectError) as caught:
        case.store.discard(ref.sha256, now=datetime.now(UTC), older_than=-DAY)
    assert caught.value.code == "held"
    case.store.hold(ref.sha256, False)
    assert not case.store.stat(ref.sha256).held
    case.store.discard(ref.sha256, now=datetime.now(UTC), older_than=-DAY)
    assert not case.store.exists(ref.sha256)


def test_litter_is_discarded_once_it_is_old_enough(case: Case) -> None:
    ref = case.store.put(b"litter", "text/plain")
    now = datetime.now(UTC)
    with pytest.raises(ObjectError) as caught:
        case.store.discard(ref.sha256, now=now, older_than=DAY)
    assert caught.value.code == "too-young"
    case.store.discard(ref.sha256, now=now + 2 * DAY, older_than=DAY)
    assert list(case.store) == []
    assert case.store.put(b"litter", "text/plain") == ref
    assert case.store.get(ref.sha256) == b"litter"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_no_act_takes_what_is_no_name(case: Case, name: str) -> None:
    now = datetime.now(UTC)
    acts: tuple[Callable[[], Any], ...] = (
        lambda: case.store.stat(name),
        lambda: list(case.store.stream(name)),
        lambda: case.store.retain(name, now + DAY),
        lambda: case.store.hold(name, True),
        lambda: case.store.discard(name, now=now, older_than=DAY),
        lambda: case.store.restore(name),
        lambda: case.store.link(name, now=now, lifetime=HOUR),
    )
    for act in acts:
        with pytest.raises(ObjectError) as caught:
            act()
        assert caught.value.code == "bad-name"
    for prefix in ("../", "AB", "a" * 65):
        with pytest.raises(ObjectError):
            list(case.store.listed(prefix))


@pytest.mark.parametrize(
    "lifetime", [timedelta(0), -HOUR, timedelta(days=7, seconds=1)], ids=["none", "past", "long"]
)
def test_a_link_lives_at_most_seven_days(case: Case, lifetime: timedelta) -> None:
    with pytest.raises(ObjectError) as caught:
        case.store.link("0" * 64, now=datetime.now(UTC), lifetime=lifetime)
    assert caught.value.code == "bad-lifetime"


def test_a_link_needs_a_media_type_that_is_one(case: Case) -> None:
    for media_type in ("text/html\r\nX: y", "", "pdf"):
        with pytest.raises(ObjectError) as caught:
            case.store.link("0" * 64, now=datetime.now(UTC), lifetime=HOUR, media_type=media_type)
        assert caught.value.code == "bad-media-type"


def test_a_fit_store_is_found_fit(case: Case) -> None:
    case.store.check()


def test_a_broken_upload_leaves_nothing_behind(case: Case, tmp_path: Path) -> None:
    class Breaking(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise ConnectionResetError
            return super().read(size)

    with pytest.raises((ObjectError, ConnectionResetError)):
        case.store.put(Breaking(os.urandom(3 * 1024 * 1024)), "application/octet-stream")
    assert list(case.store) == []
    assert list((tmp_path / "objects" / "incoming").glob("*")) == []
