"""The log as others follow it: this hub's over HTTP, and another's from its files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange.audit.entries import parse_entry
from exchange.audit.errors import LogDamaged, LogUnusable, ProofRefused, RecordAbsent
from exchange.audit.following import PublishedTree, follow
from exchange.audit.log import Log, get_head
from exchange.audit.merkle import verify_consistency
from exchange.audit.notes import NoteVerifier, open_checkpoint
from exchange.audit.published import read_bundle, read_tile
from exchange.audit.records import prepare
from tests.audit.conftest import ALTERED, SIZE, grow
from tests.audit.test_notes import FOREIGN_VKEY
from tests.hub import Served

FOREIGN = "example.com/log/testdata"


def fetch_from(cursor: Any) -> Callable[[str], bytes]:
    def fetch(path: str) -> bytes:
        read = read_bundle if path.startswith("tile/entries") else read_tile
        return read(cursor, path)[1]

    return fetch


def test_another_log_is_followed_from_each_checkpoint_to_the_last(shared_dir: Path) -> None:
    folder = shared_dir / "vectors" / "tlog" / "log"
    verifier = NoteVerifier.from_vkey(FOREIGN_VKEY)

    def fetch(path: str) -> bytes:
        return (folder / path).read_bytes()

    checkpoints = [
        open_checkpoint((folder / f"checkpoint.{size}").read_text(), [verifier], FOREIGN)
        for size in range(16)
    ]
    newest = checkpoints[15]
    for old in checkpoints:
        seen: list[int] = []
        followed = follow(fetch, newest, old, each=lambda at, _, seen=seen: seen.append(at))
        assert followed == 15 - old.size
        assert seen == list(range(old.size, 15))
        if old.size:
            proof = PublishedTree(fetch, 15).consistency(old.size)
            verify_consistency(old.size, 15, proof, old.root, newest.root)
    with pytest.raises(ProofRefused):
        follow(fetch, checkpoints[9], newest)


def test_the_log_is_followed_by_its_tiles_and_tells_commitments_only(
    log: Log, application: Any
) -> None:
    grow(log, application, 300)
    with application.cursor() as cursor:
        verifier = NoteVerifier.from_vkey(log.vkey)
        older = open_checkpoint(get_head(cursor).checkpoint, [verifier], log.origin)
        grow(log, application, SIZE - 300)
        newest = open_checkpoint(get_head(cursor).checkpoint, [verifier], log.origin)
        entries: list[bytes] = []
        count = follow(fetch_from(cursor), newest, each=lambda _, entry: entries.append(entry))
        assert count == SIZE == len(entries) == len({parse_entry(entry) for entry in entries})
        assert follow(fetch_from(cursor), newest, older) == SIZE - 300
        assert len(read_tile(cursor, "tile/0/001")[1]) == 8192
        assert len(read_tile(cursor, "tile/1/000.p/2")[1]) == 64
        # A partial tile of an older checkpoint stays, after its tile is complete too.
        assert read_tile(cursor, "tile/0/001.p/44")[1] == read_tile(cursor, "tile/0/001")[1][:1408]


@pytest.mark.parametrize(
    "path",
    ["tile/0/002", "tile/0/002.p/189", "tile/0/003.p/1", "tile/1/000", "tile/1/000.p/3",
     "tile/2/000.p/1", "tile/9/000", "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/0",
     "tile/entries/002", "tile/entries/002.p/189", "tile/entries/../0/000", "tile/-1/000"],
)  # fmt: skip
def test_what_the_log_does_not_have_is_not_served(filled: Any, path: str) -> None:
    read = read_bundle if path.startswith("tile/entries") else read_tile
    with filled.cursor() as cursor, pytest.raises(RecordAbsent):
        read(cursor, path)


def test_a_record_that_was_changed_is_not_published(filled: Any, intruder: Any) -> None:
    intruder.execute("UPDATE audit_records SET body = %s WHERE index IN (5, 650)", (ALTERED,))
    intruder.execute("DELETE FROM audit_records WHERE index = 300")
    with filled.cursor() as cursor:
        for path in ("tile/entries/000", "tile/entries/001", "tile/entries/002.p/188"):
            with pytest.raises(LogDamaged):
                read_bundle(cursor, path)


@pytest.mark.parametrize(
    ("start", "spoil"),
    [
        (0, lambda path, content: b"" if path == "tile/0/001" else content),
        (0, lambda path, content: bytes(32) + content[32:] if path == "tile/0/001" else content),
        (600, lambda path, content: bytes(64) if path == "tile/1/000.p/2" else content),
        (600, lambda path, content: bytes(64) + content[64:] if "tile/0" in path else content),
        (0, lambda path, content: content[:-1] if "entries" in path else content),
        (600, lambda path, content: content.replace(b"0", b"1") if "entries" in path else content),
    ],
    ids=["empty", "other-leaf", "other-roots", "other-tail", "torn-bundle", "other-entries"],
)
def test_what_a_mirror_changed_is_found(
    log: Log, application: Any, start: int, spoil: Callable[[str, bytes], bytes]
) -> None:
    verifier = NoteVerifier.from_vkey(log.vkey)
    grow(log, application, 600)
    with application.cursor() as cursor:
        older = open_checkpoint(get_head(cursor).checkpoint, [verifier], log.origin)
        grow(log, application, 100)
        newest = open_checkpoint(get_head(cursor).checkpoint, [verifier], log.origin)
        served = fetch_from(cursor)
        with pytest.raises((ProofRefused, LogUnusable)):
            follow(lambda path: spoil(path, served(path)), newest, older if start else None)


def test_anybody_follows_the_log_over_http(served: Served) -> None:
    client: httpx.Client = served.client
    answer = client.get("/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=1"
    hub = served.hub
    checkpoint = open_checkpoint(answer.text, [hub.witnessing.verifier], hub.log.origin)

    def fetch(path: str) -> bytes:
        answer = client.get(f"/log/{path}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "public, max-age=60"
        return answer.content

    assert follow(fetch, checkpoint) == checkpoint.size > 20
    path = f"/log/tile/entries/000.p/{checkpoint.size}"
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == (
        "gzip", "Accept-Encoding",
    )  # fmt: skip
    assert packed.content == plain.content
    assert len(gzip.compress(plain.content)) < len(plain.content)
    for absent in ("0/001", "entries/000", "x", "0/000.p/999", "0/%2e%2e/000"):
        assert client.get(f"/log/tile/{absent}").status_code == 404
    with hub.work.begin() as work:
        for _ in range(256):
            work.record(prepare("sign-in", work.now, outcome="done"))
        work.commit()
    whole = client.get("/log/tile/0/000")
    assert whole.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert len(whole.content) == 8192
