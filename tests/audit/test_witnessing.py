"""Hubs that countersign each other's logs, and what becomes of one that shows two faces."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange import embedded
from exchange.audit.cosignatures import cosigned_times
from exchange.audit.log import get_head
from exchange.audit.merkle import EMPTY_ROOT, leaf_hash
from exchange.audit.notes import Checkpoint, NoteSigner, open_checkpoint, sign_checkpoint
from exchange.audit.witness import build_submission
from exchange.hub import Hub
from exchange.keys import load_log_key
from tests.audit.witnessed import MOST_AGE, Side, restarted, two_hubs
from tests.hub import PASSPHRASE


@pytest.fixture(scope="module")
def pair(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Side, Side]]:
    with two_hubs(postgres, tmp_path_factory.mktemp("pair")) as sides:
        yield sides


@pytest.fixture
def a(pair: tuple[Side, Side]) -> Side:
    """The hub whose log is looked at: cosigned just now, whatever the test before did."""
    clock = pair[0].served.clock
    clock.advance(seconds=MOST_AGE)
    for side in pair:
        side.rows("DELETE FROM audit_alarms")
        side.submitter.run()
    clock.advance(seconds=10)
    return pair[0]


@pytest.fixture
def b(pair: tuple[Side, Side]) -> Side:
    return pair[1]


def head(hub: Hub) -> str:
    with hub.work.read() as connection:
        return get_head(connection.connection.cursor()).checkpoint


def signer(side: Side) -> NoteSigner:
    return load_log_key(side.hub.settings.keys_dir, PASSPHRASE, side.hub.log.origin)


def size_of(note: str) -> int:
    return int(note.split("\n")[1])


def submit(witness: Side, old: int, note: str, proof: tuple[bytes, ...] = ()) -> tuple[int, str]:
    answer = witness.served.client.post(
        "/witness/add-checkpoint", content=build_submission(old, proof, note)
    )
    if answer.status_code == 409:
        assert answer.headers["content-type"].startswith("text/x.tlog.size")
    return answer.status_code, answer.text


def witnessed_size(witness: Side) -> int:
    return int(witness.rows("SELECT max(size) FROM witnessed_logs")[0][0])


def test_lookups_wait_for_the_first_cosignature_and_go_on_by_themselves(
    pair: tuple[Side, Side],
) -> None:
    side, _ = pair
    holder = side.served.issue_licence(1)
    refused = side.ask(holder)
    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:yici:problem:log-unwitnessed"
    assert side.served.client.get("/readyz").status_code == 503
    cosigned = side.submitter.run()
    assert cosigned is not None
    answer = side.ask(holder)
    assert answer.status_code == 200, answer.text
    assert side.served.client.get("/readyz").status_code == 200


def test_each_hub_serves_the_checkpoint_that_the_other_cosigned(
    pair: tuple[Side, Side], a: Side
) -> None:
    for side, other in (pair, pair[::-1]):
        note = side.served.client.get("/log/checkpoint").text
        times = cosigned_times(
            note, [each.cosigner for each in side.hub.witnessing.policy.witnesses]
        )
        assert len(times) == 1
        opened = open_checkpoint(note, (side.hub.witnessing.verifier,), side.hub.log.origin)
        assert opened.size <= size_of(head(side.hub))
        name = sha256(side.hub.log.origin.encode()).hexdigest()
        kept = other.served.client.get(f"/witness/{name}/checkpoint").text
        assert open_checkpoint(kept, (side.hub.witnessing.verifier,), opened.origin) == opened
        assert cosigned_times(kept, [other.hub.witnessing.service.cosigner]) == times
        assert side.served.client.get(f"/witness/{'0' * 64}/checkpoint").status_code == 404


def test_lookups_stop_when_the_witness_has_been_away_for_too_long(a: Side) -> None:
    holder = a.served.issue_licence(2)
    a.served.clock.advance(seconds=MOST_AGE - 20)
    assert a.ask(holder).status_code == 200
    a.served.clock.advance(seconds=20)
    before = a.rows("SELECT count(*) FROM audit_records WHERE kind = 'lookup'")
    refused = a.ask(holder)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
    assert a.rows("SELECT count(*) FROM audit_records WHERE kind = 'lookup'") == before
    a.submitter.run()
    assert a.ask(holder).status_code == 200


def test_a_cosigned_time_in_the_database_is_not_believed(a: Side) -> None:
    holder = a.served.issue_licence(3)
    a.served.clock.advance(seconds=MOST_AGE + 1)
    a.rows(
        "UPDATE audit_cosigned SET cosigned_at = %s"
        " WHERE cosigned_at = (SELECT max(cosigned_at) FROM audit_cosigned)",
        a.served.clock.now(),
    )
    assert a.ask(holder).status_code == 503


def test_nothing_is_sent_while_the_log_stands_still_and_was_cosigned_lately(a: Side) -> None:
    a.submitter.run()
    assert a.submitter.run() is None
    a.served.clock.advance(seconds=MOST_AGE / 2)
    renewed = a.submitter.run()
    assert renewed is not None
    assert renewed.at == a.served.clock.now()


def test_after_a_restart_of_both_the_log_is_cosigned_further(a: Side, b: Side) -> None:
    before = witnessed_size(b)
    a.served.issue_licence(4)
    again = restarted(a)
    cosigned = again.witnessing.submitter(again.work).run()
    assert cosigned is not None
    assert cosigned.size > before
    service = restarted(b).witnessing.service
    with again.work.begin() as work:
        older = get_head(work.connection.connection.cursor())
    assert service.add_checkpoint(build_submission(older.size, (), older.checkpoint).encode())
    again.engine.dispose()


def test_what_the_specification_asks_of_a_witness_is_answered(a: Side, b: Side) -> None:
    note, size = head(a.hub), witnessed_size(b)
    origin = a.hub.log.origin
    own = signer(a)
    assert submit(b, 0, note) == (409, f"{size}\n")
    assert submit(b, size + 1, sign_checkpoint(Checkpoint(origin, size, bytes(32)), own))[0] == 400
    assert submit(b, size, note, (bytes(32),))[0] == 422
    longer = sign_checkpoint(Checkpoint(origin, size + 5, bytes(32)), own)
    assert submit(b, size, longer, (bytes(32), bytes(32)))[0] == 422
    stranger = NoteSigner.from_private_key(origin, Ed25519PrivateKey.from_private_bytes(b"7" * 32))
    forged = sign_checkpoint(Checkpoint(origin, size + 5, bytes(32)), stranger)
    assert submit(b, size, forged)[0] == 403
    spoiled = note[:-8] + ("AAAA" if note[-8:-4] != "AAAA" else "BBBB") + note[-4:]
    assert submit(b, size, spoiled)[0] in (400, 403)
    other = NoteSigner.from_private_key("else", Ed25519PrivateKey.from_private_bytes(b"7" * 32))
    unknown = sign_checkpoint(Checkpoint("else", 1, leaf_hash(b"")), other)
    assert submit(b, 0, unknown)[0] == 404
    assert witnessed_size(b) == size
    assert submit(b, size, note)[0] in (200, 422)


@pytest.mark.parametrize(
    "body",
    [b"", b"old 1\n", b"old 01\n\nx\n1\n", b"old -1\n\nx", b"\xff\n\n", b"old 1\nAAAA\n\nx\n",
     b"old 0\n\nnothing", b"old 0\n" + b"A" * 43 + b"=\n" * 64 + b"\nx"],
    ids=["empty", "no-checkpoint", "leading-zero", "negative", "no-utf-8", "short-hash", "no-note",
         "too-many"],
)  # fmt: skip
def test_a_malformed_submission_is_400(b: Side, body: bytes) -> None:
    assert b.served.client.post("/witness/add-checkpoint", content=body).status_code == 400


def test_a_submission_that_is_too_long_is_413(b: Side) -> None:
    answer = b.served.client.post("/witness/add-checkpoint", content=b"old 0\n" * 20_000)
    assert answer.status_code == 413


def test_an_empty_log_with_another_root_is_not_cosigned(a: Side, b: Side) -> None:
    b.rows("UPDATE witnessed_logs SET size = 0, root = %s, checkpoint = ''", EMPTY_ROOT)
    wrong = sign_checkpoint(Checkpoint(a.hub.log.origin, 0, bytes(32)), signer(a))
    assert submit(b, 0, wrong)[0] == 422
    assert submit(b, 0, head(a.hub), (bytes(32),))[0] == 422
    assert submit(b, 0, head(a.hub))[0] == 200


def test_two_trees_of_one_size_are_refused_reported_and_kept(a: Side, b: Side) -> None:
    size = witnessed_size(b)
    logged = "SELECT count(*) FROM audit_records WHERE kind = 'checkpoint-refused'"
    before = b.rows(logged)[0][0]
    other = sign_checkpoint(Checkpoint(a.hub.log.origin, size, leaf_hash(b"else")), signer(a))
    assert submit(b, size, other)[0] == 422
    assert submit(b, size, other)[0] == 422
    [(one, two, root)] = b.rows("SELECT checkpoint, witnessed, root FROM witness_refusals")
    verifier = a.hub.witnessing.verifier
    first, second = (open_checkpoint(note, (verifier,), a.hub.log.origin) for note in (one, two))
    assert first.size == second.size
    assert bytes(root) == first.root != second.root
    # Both carry the log's own signature: that is the proof. Said once, however often it comes.
    assert b.rows(logged)[0][0] == before + 1


def test_a_log_that_was_rolled_back_below_what_a_witness_saw_is_noticed_and_stops(
    a: Side, b: Side
) -> None:
    holder = a.served.issue_licence(5)
    a.submitter.run()
    for table in ("audit_records", "audit_tiles", "audit_head", "audit_cosigned"):
        a.rows(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
    a.served.clock.advance(seconds=30)
    assert a.ask(holder).status_code == 200
    a.submitter.run()
    seen = witnessed_size(b)
    for table in ("audit_records", "audit_tiles", "audit_head", "audit_cosigned"):
        a.rows(f"TRUNCATE {table}")
        a.rows(f"INSERT INTO {table} SELECT * FROM kept_{table}")
        a.rows(f"DROP TABLE kept_{table}")
    a.served.clock.advance(seconds=30)
    # Nothing in the database tells. The witness does, at the next round.
    again = restarted(a)
    assert again.witnessing.submitter(again.work).run() is None
    [(code, size, witnessed)] = a.rows("SELECT code, size, witnessed_size FROM audit_alarms")
    assert (code, witnessed) == ("rolled-back", seen)
    assert size < seen
    refused = a.ask(holder)
    assert refused.status_code == 503
    assert "another log" in refused.json()["detail"]
    again.engine.dispose()
    # Grown past the witnessed size, it is another tree: refused for good.
    while size_of(head(a.hub)) <= seen:
        a.served.issue_licence(size_of(head(a.hub)) + 100)
    assert a.submitter.run() is None
    assert ("split-view",) in a.rows("SELECT code FROM audit_alarms")
