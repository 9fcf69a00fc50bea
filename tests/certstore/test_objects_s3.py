"""The S3 store alone, against a real server: locks, checksums, versions, links, and failures in
the middle."""

from __future__ import annotations

import hashlib
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import urllib3
from minio import Minio, S3Error
from minio.commonconfig import COMPLIANCE
from minio.retention import Retention

from certstore.errors import ObjectError, StoreFault
from certstore.objects import S3Store
from certstore.objects import s3 as module
from tests.s3_server import S3Program, S3Server

DAY = timedelta(days=1)
UNTIL = datetime(2999, 1, 1, tzinfo=UTC)


def key(name: str) -> str:
    return f"{name[:2]}/{name[2:4]}/{name}"


def name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def store_at(server: S3Server, bucket: str, endpoint: str | None = None, **more: Any) -> S3Store:
    access = {"access_key": server.access_key, "secret_key": server.secret_key, **more}
    return S3Store(endpoint or server.endpoint, bucket=bucket, secure=False, **access)


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    name = f"s3-{secrets.token_hex(6)}"
    store_at(s3_server, name).prepare()
    return name


@pytest.fixture
def store(s3_server: S3Server, bucket: str) -> S3Store:
    return store_at(s3_server, bucket)


@pytest.fixture
def client(s3_server: S3Server) -> Any:
    return Minio(s3_server.endpoint, s3_server.access_key, s3_server.secret_key, secure=False)


def versions(client: Any, bucket: str, name: str) -> list[Any]:
    return list(client.list_objects(bucket, prefix=key(name), include_version=True))


def test_the_server_itself_refuses_to_delete_a_sealed_version(
    store: S3Store, client: Any, bucket: str
) -> None:
    ref = store.put(b"sealed", "application/pdf", retain_until=UNTIL)
    [version] = versions(client, bucket, ref.sha256)
    with pytest.raises(S3Error) as caught:
        client.remove_object(bucket, key(ref.sha256), version_id=version.version_id)
    assert caught.value.code == "AccessDenied"
    with pytest.raises(S3Error) as caught:
        client.set_object_retention(
            bucket, key(ref.sha256), Retention(COMPLIANCE, UNTIL - DAY), version.version_id
        )
    assert caught.value.code == "AccessDenied"
    assert client.get_object_retention(bucket, key(ref.sha256)).mode == COMPLIANCE
    assert store.get(ref.sha256) == b"sealed"


def test_the_server_compares_the_checksum_and_remembers_it(
    store: S3Store, client: Any, bucket: str
) -> None:
    ref = store.put(b"the truth", "text/plain")
    assert store.stat(ref.sha256).proven
    assert client.stat_object(bucket, key(ref.sha256)).content_type == "text/plain"
    client.put_object(bucket, key(ref.sha256), BytesIO(b"the trick"), 9)
    assert not store.stat(ref.sha256).proven


def test_an_object_damaged_on_its_way_is_not_kept(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store._client._put_object

    def damaged(bucket: str, name: str, data: bytes, *rest: Any, **more: Any) -> Any:
        return real(bucket, name, data[:-1] + b"?", *rest, **more)

    monkeypatch.setattr(store._client, "_put_object", damaged)
    with pytest.raises(StoreFault) as caught:
        store.put(b"the truth", "text/plain")
    assert caught.value.cause == "bad-transfer"
    monkeypatch.undo()
    assert list(store) == []


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_an_object_in_parts_counts_only_when_it_was_read_back_whole(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    monkeypatch.setattr(module, "IN_ONE_PIECE", 1024)
    monkeypatch.setattr(module, "PART", 5 * 1024 * 1024)  # the least that S3 takes
    content = secrets.token_bytes(6 * 1024 * 1024)
    real = store._client._upload_part

    def upload(bucket: str, name: str, data: bytes, *rest: Any) -> Any:
        return real(bucket, name, data[:-1] + b"?" if damaged else data, *rest)

    monkeypatch.setattr(store._client, "_upload_part", upload)
    if damaged:
        content = content[:-1] + b"!"
        with pytest.raises(StoreFault) as caught:
            store.put(content, "application/pdf")
        assert caught.value.cause == "bad-transfer"
        with pytest.raises(ObjectError, match="altered"):
            store.get(name_of(content))
        return
    ref = store.put(content, "application/pdf", retain_until=UNTIL)
    assert store.stat(ref.sha256).retain_until == UNTIL
    assert b"".join(store.stream(ref.sha256)) == content


def test_an_object_of_the_same_size_and_other_bytes_is_put_again(
    store: S3Store, client: Any, bucket: str
) -> None:
    ref = store.put(b"the truth", "text/plain")
    client.put_object(bucket, key(ref.sha256), BytesIO(b"the trick"), 9)
    store.put(b"the truth", "text/plain")
    assert store.get(ref.sha256) == b"the truth"
    assert len(versions(client, bucket, ref.sha256)) == 3, "nothing was overwritten"


def test_putting_again_adds_no_version_until_the_object_is_old(
    store: S3Store, client: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = store.put(b"given twice", "text/plain")
    store.put(b"given twice", "text/plain")
    assert len(versions(client, bucket, ref.sha256)) == 1
    monkeypatch.setattr(module, "PUT_ANEW_AFTER", timedelta(seconds=-1))
    store.put(b"given twice", "text/plain")
    assert len(versions(client, bucket, ref.sha256)) == 2
    sealed = store.put(b"sealed", "text/plain", retain_until=UNTIL)
    store.put(b"sealed", "text/plain")
    assert len(versions(client, bucket, sealed.sha256)) == 1


@pytest.mark.parametrize("harm", ["deleted", "altered", "altered and deleted"])
def test_what_was_hidden_or_replaced_comes_back_from_an_older_version(
    store: S3Store, client: Any, bucket: str, harm: str
) -> None:
    ref = store.put(b"sealed", "application/pdf", retain_until=UNTIL)
    if "altered" in harm:
        client.put_object(bucket, key(ref.sha256), BytesIO(b"forged"), 6)
    if "deleted" in harm:
        client.remove_object(bucket, key(ref.sha256))
        assert not store.exists(ref.sha256)
    assert store.restore(ref.sha256)
    assert store.get(ref.sha256) == b"sealed"
    assert store.stat(ref.sha256).retain_until == UNTIL
    assert client.stat_object(bucket, key(ref.sha256)).content_type == "application/pdf"
    assert store.restore(ref.sha256)


def test_a_discarded_object_leaves_no_version_unless_one_is_locked(
    store: S3Store, client: Any, bucket: str
) -> None:
    now = datetime.now(UTC)
    ref = store.put(b"litter", "text/plain")
    client.put_object(bucket, key(ref.sha256), BytesIO(b"other"), 5)
    store.discard(ref.sha256, now=now + 2 * DAY, older_than=DAY)
    assert versions(client, bucket, ref.sha256) == []
    ref = store.put(b"sealed", "text/plain", retain_until=UNTIL)
    client.put_object(bucket, key(ref.sha256), BytesIO(b"other"), 5)
    with pytest.raises(ObjectError) as caught:
        store.discard(ref.sha256, now=now + 2 * DAY, older_than=DAY)
    assert caught.value.code == "retained"
    assert store.restore(ref.sha256)


def test_a_presigned_link_gives_the_object_until_it_expires(
    s3_server: S3Server, bucket: str
) -> None:
    public = f"http://{s3_server.endpoint}"
    store = store_at(s3_server, bucket, public_endpoint=public)
    ref = store.put(b"a copy", "application/pdf")
    pool = urllib3.PoolManager()
    now = datetime.now(UTC)
    link = store.link(ref.sha256, now=now, lifetime=timedelta(minutes=1), media_type="image/png")
    answer = pool.request("GET", link)
    assert (answer.status, answer.data) == (200, b"a copy")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "attachment"
    assert pool.request("GET", link[:-1] + ("1" if link[-1] == "0" else "0")).status == 403
    assert pool.request("GET", link.replace(ref.sha256, "0" * 64)).status == 403
    old = store.link(ref.sha256, now=now - timedelta(minutes=2), lifetime=timedelta(minutes=1))
    assert pool.request("GET", old).status == 403
    assert s3_server.secret_key not in link


def test_a_store_that_cannot_be_reached_says_so() -> None:
    store = S3Store("127.0.0.1:1", "key", "secret", "bucket", secure=False, region="us-east-1")
    for ask in (
        store.prepare,
        store.check,
        lambda: store.put(b"x", "text/plain"),
        lambda: list(store),
    ):
        with pytest.raises(StoreFault) as caught:
            ask()
        assert (caught.value.code, caught.value.cause) == ("unavailable", "unreachable")
        assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["access_key", "secret_key"])
def test_wrong_credentials_are_no_missing_object(
    s3_server: S3Server, bucket: str, wrong: str
) -> None:
    store = store_at(s3_server, bucket, **{wrong: "nobody"})
    for ask in (
        store.check,
        store.prepare,
        lambda: store.put(b"x", "text/plain"),
        lambda: store.get("0" * 64),
        lambda: list(store),
    ):
        with pytest.raises(StoreFault) as caught:
            ask()
        assert caught.value.cause == "denied"
        assert "YICI_S3_ACCESS_KEY" in caught.value.en and "nobody" not in str(caught.value)


def test_a_missing_bucket_is_named_with_its_remedy(s3_server: S3Server) -> None:
    store = store_at(s3_server, "nowhere")
    for ask in (
        store.check,
        lambda: store.put(b"x", "text/plain"),
        lambda: store.get("0" * 64),
        lambda: list(store),
    ):
        with pytest.raises(StoreFault) as caught:
            ask()
        assert caught.value.cause == "no-bucket"
        assert "yici setup" in caught.value.en and "yici setup" in caught.value.zh


def test_a_bucket_without_lock_is_named_and_prepared(s3_server: S3Server, client: Any) -> None:
    name = f"plain-{secrets.token_hex(6)}"
    client.make_bucket(name)
    store = store_at(s3_server, name)
    with pytest.raises(StoreFault) as caught:
        store.check()
    assert caught.value.cause == "no-versions"
    with pytest.raises(StoreFault) as caught:
        store.put(b"sealed", "text/plain", retain_until=UNTIL)
    assert caught.value.cause == "no-lock"
    assert list(store) == [], "nothing is kept without the lock it must have"
    store.prepare()
    store.check()
    store.put(b"sealed", "text/plain", retain_until=UNTIL)


def test_a_clock_that_is_off_is_named(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from minio import api

    real = api.time.utcnow
    monkeypatch.setattr(api.time, "utcnow", lambda: real() - timedelta(hours=1))
    with pytest.raises(StoreFault) as caught:
        store.check()
    assert caught.value.cause == "clock-skew"
    with pytest.raises(StoreFault) as caught:
        store.get("0" * 64)
    assert "clock" in caught.value.en and "时钟" in caught.value.zh


@contextmanager
def broken_line(server: S3Server, breaks: Callable[[bytes], str | None]) -> Iterator[str]:
    """A line to the server that breaks: `breaks` sees the head of each request and says whether
    it is cut "before" the server has it, "after" the server has answered, or not at all."""
    host, port = server.endpoint.split(":")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(inward: socket.socket) -> None:
        with inward, socket.create_connection((host, int(port))) as outward:
            request = _message(inward)
            cut = breaks(request)
            if request and cut != "before":
                outward.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                answer = b"".join(iter(lambda: outward.recv(65536), b""))
                if cut is None:
                    inward.sendall(answer)

    def accept() -> None:
        while True:
            try:
                inward, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(inward,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _message(stream: socket.socket) -> bytes:
    """One HTTP request, head and body."""
    read = b""
    while b"\r\n\r\n" not in read:
        chunk = stream.recv(65536)
        if not chunk:
            return read
        read += chunk
    head, _, body = read.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"),
        0,
    )
    while len(body) < length:
        body += stream.recv(65536)
    return head + b"\r\n\r\n" + body


# The steps of a sealed put: what is here is asked for, then the object is put with its lock.
@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("method", [b"HEAD", b"PUT"], ids=["asking", "putting"])
def test_a_connection_cut_in_the_middle_leaves_all_or_nothing(
    s3_server: S3Server, bucket: str, store: S3Store, method: bytes, cut: str
) -> None:
    def breaks(request: bytes) -> str | None:
        return cut if request.startswith(method) else None

    with broken_line(s3_server, breaks) as endpoint:
        through = store_at(s3_server, bucket, endpoint, region="us-east-1")
        with pytest.raises(StoreFault) as caught:
            through.put(b"sealed", "application/pdf", retain_until=UNTIL)
        assert caught.value.cause == "unreachable"
    persisted = method == b"PUT" and cut == "after"
    assert store.exists(name_of(b"sealed")) is persisted
    ref = store.put(b"sealed", "application/pdf", retain_until=UNTIL)
    assert store.get(ref.sha256) == b"sealed"
    assert store.stat(ref.sha256).retain_until == UNTIL


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_cut_once_is_tried_again(
    s3_server: S3Server, bucket: str, store: S3Store, cut: str
) -> None:
    met: list[bytes] = []

    def breaks(request: bytes) -> str | None:
        met.append(request[:4])
        return cut if request.startswith(b"PUT") and met.count(b"PUT ") == 1 else None

    with broken_line(s3_server, breaks) as endpoint:
        through = store_at(s3_server, bucket, endpoint, region="us-east-1")
        ref = through.put(b"sealed", "application/pdf", retain_until=UNTIL)
    assert met.count(b"PUT ") == 2
    assert store.get(ref.sha256) == b"sealed" and list(store) == [ref.sha256]


def test_a_server_killed_during_puts_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    program = S3Program(tmp_path / "s3")
    program.start()
    try:
        store = store_at(program.address, "kept", region="us-east-1")
        store.prepare()
        acknowledged: list[str] = []
        failed = threading.Event()

        def put_many() -> None:
            for number in range(100_000):
                try:
                    content = b"%d" % number * 1000
                    ref = store.put(content, "text/plain", retain_until=UNTIL)
                except StoreFault:
                    failed.set()
                    return
                acknowledged.append(ref.sha256)
                started.set()

        started = threading.Event()
        putting = threading.Thread(target=put_many)
        putting.start()
        assert started.wait(30)
        program.kill()
        assert failed.wait(60)
        putting.join()
        program.start()
        assert acknowledged
        for name in acknowledged:
            assert name_of(store.get(name)) == name
            assert store.stat(name).retain_until == UNTIL
        again = b"%d" % len(acknowledged) * 1000
        assert store.get(store.put(again, "text/plain", retain_until=UNTIL).sha256) == again
    finally:
        program.stop()
