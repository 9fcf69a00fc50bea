"""One contract for every object store: a folder, and a real S3 server."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

from certstore.errors import ObjectError
from certstore.objects import FolderStore, ObjectRef, ObjectStore, S3Store
from tests.s3_server import S3Server


@dataclass(frozen=True)
class Case:
    """A store, a second door to the same objects, and a way to spoil one behind its back."""

    store: ObjectStore
    again: ObjectStore
    spoil: Callable[[str, bytes], None]


def folder_case(root: Path) -> Case:
    def spoil(name: str, content: bytes) -> None:
        (root / name[:2] / name[2:4] / name).write_bytes(content)

    return Case(FolderStore(root), FolderStore(root), spoil)


def s3_case(server: S3Server) -> Case:
    bucket = f"test-{secrets.token_hex(6)}"

    def door() -> S3Store:
        return S3Store(server.endpoint, server.access_key, server.secret_key, bucket, secure=False)

    store = door()
    store.create_bucket()
    store.create_bucket()

    def spoil(name: str, content: bytes) -> None:
        store._client.put_object(
            bucket, f"{name[:2]}/{name[2:4]}/{name}", BytesIO(content), len(content)
        )

    return Case(store, door(), spoil)


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


def test_a_store_that_cannot_be_reached_says_so() -> None:
    store = S3Store("127.0.0.1:1", "key", "secret", "bucket", secure=False, region="us-east-1")
    for ask in (
        store.create_bucket,
        lambda: store.put(b"x", "text/plain"),
        lambda: store.get("0" * 64),
        lambda: store.exists("0" * 64),
        lambda: list(store),
    ):
        with pytest.raises(ObjectError) as caught:
            ask()
        assert caught.value.code == "unavailable"
        assert "127.0.0.1" not in str(caught.value)


def test_wrong_credentials_are_no_missing_object(s3_server: S3Server) -> None:
    store = S3Store(s3_server.endpoint, "nobody", "nothing", "bucket", secure=False)
    with pytest.raises(ObjectError) as caught:
        store.get("0" * 64)
    assert caught.value.code == "unavailable"


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    (tmp_path / "objects" / "incoming").rmdir()
    (tmp_path / "objects" / "incoming").write_text("a file in the way")
    with pytest.raises(ObjectError) as caught:
        store.put(b"x", "text/plain")
    assert caught.value.code == "unavailable"


def test_an_object_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / "objects")
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        events.append(
            "fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file"
        )
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        events.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    store.put(b"durable", "text/plain")
    assert events[0] == "fsync file"
    assert events[-2:] == ["rename", "fsync folder"]
