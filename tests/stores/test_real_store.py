"""The check over a real S3 server, whose locks no command of ours can lift."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from minio import Minio, S3Error

from certstore.errors import StoreFault
from certstore.objects import S3Store
from exchange.errors import SettingsFault
from exchange.stores.opening import check_store
from tests.s3_server import S3Server
from tests.stores.conftest import QUIET, UNTIL, Room

REPAIR = replace(QUIET, repair=True)


@pytest.fixture
def client(s3_server: S3Server) -> Any:
    return Minio(s3_server.endpoint, s3_server.access_key, s3_server.secret_key, secure=False)


@pytest.fixture
def bucket(room: Room, s3_server: S3Server) -> Iterator[str]:
    """The room's store is a bucket."""
    name = f"check-{secrets.token_hex(6)}"
    store = S3Store(
        s3_server.endpoint, s3_server.access_key, s3_server.secret_key, name, secure=False
    )
    store.prepare()
    room.store = store
    yield name


def key(name: str) -> str:
    return f"{name[:2]}/{name[2:4]}/{name}"


def test_what_was_done_to_a_bucket_is_named_and_undone(
    room: Room, bucket: str, client: Any
) -> None:
    hidden = room.seal(b"hidden by a delete marker")
    forged = room.seal(b"replaced by another")
    unlocked = room.seal(b"not locked", locked=False)
    material = room.give(b"a plan")
    litter = room.store.put(b"litter", "text/plain").sha256
    retained = room.store.put(b"sealed, then never named", "text/plain", retain_until=UNTIL).sha256
    client.remove_object(bucket, key(hidden))
    client.put_object(bucket, key(forged), BytesIO(b"REPLACED BY ANOTHER"), 19)
    room.clock.by = timedelta(days=1)
    found = room.check()
    expected = {
        (hidden, "missing"),
        (forged, "altered"),
        (forged, "not-locked"),
        (unlocked, "not-locked"),
        (litter, "litter"),
        (retained, "litter"),
    }
    assert {(f.sha256, f.kind) for f in found.findings} == expected
    mended = room.check(REPAIR)
    assert {f.sha256 for f in mended.findings if not f.repaired} == {retained}
    left = room.check()
    assert left.kinds == {retained: "litter"}
    for name in (hidden, forged, unlocked):
        assert room.store.stat(name).retain_until == UNTIL
    assert room.store.get(forged) == b"replaced by another"
    assert room.store.get(material) == b"a plan" and not room.store.exists(litter)
    for version in client.list_objects(bucket, prefix=key(retained), include_version=True):
        with pytest.raises(S3Error):
            client.remove_object(bucket, version.object_name, version_id=version.version_id)


def test_a_bucket_that_is_gone_is_said_and_nothing_is_recorded_as_done(
    room: Room, bucket: str, client: Any
) -> None:
    client.remove_bucket(bucket)
    with pytest.raises(StoreFault) as caught:
        room.check(REPAIR)
    assert caught.value.cause == "no-bucket"
    assert room.records() == []


def test_an_unfit_bucket_is_refused_at_start_up_and_a_silent_one_is_told_of(
    s3_server: S3Server, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"plain-{secrets.token_hex(6)}"
    client.make_bucket(name)

    def store(endpoint: str, bucket: str, secret: str = s3_server.secret_key) -> S3Store:
        return S3Store(
            endpoint, s3_server.access_key, secret, bucket, secure=False, region="us-east-1"
        )

    for unfit in (
        store(s3_server.endpoint, name),
        store(s3_server.endpoint, "nowhere"),
        store(s3_server.endpoint, name, secret="wrong"),
    ):
        with pytest.raises(SettingsFault) as caught:
            check_store(unfit)
        assert caught.value.lines[0].startswith("YICI_S3_BUCKET: ")
        assert " / " in caught.value.lines[0]
    check_store(store("127.0.0.1:1", name))
    assert "unreachable" in capsys.readouterr().out
