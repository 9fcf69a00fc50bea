"""Issuing in three acts: what is durable when, and what a kill leaves."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from certstore.sdjwt import parse
from certstore.status import State
from certstore.trust import TrustAnchors
from certstore.verify import verify
from exchange.audit.tables import audit_records
from exchange.certificates import issuing as issuing_module
from exchange.certificates import repository
from exchange.certificates.chunks import Chunk, SignedChunk
from exchange.certificates.records import Certificate, Counts, Issuable, life_of, state_of
from exchange.certificates.signing import Signing, SigningHere, signing_for
from exchange.certificates.tables import certificates, issue_batches, status_changes
from exchange.hub import Hub
from tests.certificates.killed import DEAD, ROWS
from tests.certificates.rows import enterprise, issue_terms, term
from tests.hub import MARKET, PASSPHRASE, Served

ROOT = Path(__file__).resolve().parents[2]
BUSINESS = "11440000MB2D01234C001"


def issue(hub: Hub, rows: Iterable[Issuable], signing: Signing | None = None) -> Counts:
    signing = signing or SigningHere(hub.keys.issuer(MARKET))
    kind = "business-licence"
    return sum(hub.certificates.issue_records(MARKET, kind, rows, signing=signing), start=Counts())


def versions(hub: Hub, row: Issuable) -> list[Certificate]:
    with hub.work.read() as connection:
        return repository.versions(connection, MARKET, BUSINESS, row.serial)


def states(hub: Hub, row: Issuable) -> list[State]:
    found = versions(hub, row)
    with hub.work.read() as connection:
        events = repository.events(connection, MARKET, BUSINESS, row.serial)
    life = life_of(found, events)
    return [state_of(life, each.version, hub.clock.now()) for each in found]


def published(hub: Hub, certificate: Certificate) -> str:
    """The status part of a verification with the live list."""
    slot = certificate.slot
    now = hub.clock.now()
    token = hub.certificates.status_list(MARKET, slot.number).token
    uri = f"http://hub.test/v1/status-lists/{MARKET}/{slot.number}"
    anchors = TrustAnchors.from_json(hub.certificates.trust())
    verdict = verify(certificate.credential, trust=anchors, status_tokens={uri: token}, at=now)
    assert verdict.integrity.outcome == "valid", verdict.integrity
    assert verdict.issuer.outcome == "valid", verdict.issuer
    return verdict.status.code


def test_a_clean_row_becomes_a_signed_certificate_that_verifies(hub: Hub) -> None:
    row = enterprise(1)
    assert issue(hub, [row]) == Counts(issued=1)
    (certificate,) = versions(hub, row)
    assert certificate.fields == row.fields
    assert certificate.holder_name == row.holder_name
    assert published(hub, certificate) == "status-valid"
    assert states(hub, row) == [State.VALID]


def test_the_same_rows_again_change_nothing(hub: Hub) -> None:
    rows = [enterprise(n) for n in range(1, 6)]
    assert issue(hub, rows) == Counts(issued=5)
    before = count(hub, issue_batches)
    assert issue(hub, rows) == Counts(unchanged=5)
    assert count(hub, issue_batches) == before


def test_what_was_issued_stands_in_the_log_by_its_digest(hub: Hub) -> None:
    rows = [enterprise(n) for n in range(1, 4)]
    issue(hub, rows)
    with hub.work.read() as connection:
        (body,) = connection.execute(
            sa.select(audit_records.c.body).where(audit_records.c.kind == "issue")
        ).scalars()
        credentials = connection.execute(sa.select(certificates.c.credential)).scalars().all()
    digests = sorted(hashlib.sha256(each.encode()).digest() for each in credentials)
    record = json.loads(bytes(body))
    assert record["count"] == 3
    assert record["result"] == hashlib.sha256(b"".join(digests)).hexdigest()
    assert rows[0].holder_id not in bytes(body).decode()


def test_a_renewal_is_a_new_version_and_ends_the_earlier_one(hub: Hub) -> None:
    first, second = term(1, 2025), term(1, 2026)
    issue_terms(hub, first)
    assert issue_terms(hub, first, second) == Counts(revised=1, unchanged=1)
    old, new = versions(hub, first)
    assert (old.serial, old.version) == (new.serial, 1)
    assert new.version == 2
    assert published(hub, old) == "status-invalid"
    assert published(hub, new) == "status-valid"
    assert states(hub, first) == [State.EXPIRED, State.VALID]


def test_several_terms_at_once_are_issued_in_order(hub: Hub) -> None:
    rows = [term(1, year) for year in (2024, 2025, 2026)]
    assert issue_terms(hub, *rows) == Counts(issued=1, revised=2)
    assert [published(hub, each) for each in versions(hub, rows[0])] == [
        "status-invalid",
        "status-invalid",
        "status-valid",
    ]


def test_an_older_term_arriving_late_is_given_back_as_a_fault(hub: Hub) -> None:
    issue_terms(hub, term(1, 2026))
    counts = issue_terms(hub, term(1, 2025))
    assert (counts.faulty, [fault.rule for fault in counts.faults]) == (1, ["older-term"])
    assert len(versions(hub, term(1, 2026))) == 1


@pytest.mark.parametrize(
    ("state", "status", "operation"),
    [("02", "status-suspended", "03"), ("03", "status-invalid", "x-03"),
     ("04", "status-invalid", "05"), ("05", "status-invalid", "04"),
     ("06", "status-invalid", "x-06"), ("07", "status-invalid", "x-07"),
     ("99", "status-invalid", "x-99")],
)  # fmt: skip
def test_a_row_that_is_not_in_force_is_published_as_such(
    hub: Hub, state: str, status: str, operation: str
) -> None:
    row = enterprise(1, state=state, state_since=date(2024, 3, 1))
    issue(hub, [row])
    assert published(hub, versions(hub, row)[0]) == status
    with hub.work.read() as connection:
        (event,) = repository.events(connection, MARKET, BUSINESS, row.serial)
    assert (event.state, event.operation) == (state, operation)
    assert event.effective_at.isoformat() == "2024-02-29T16:00:00+00:00"


def test_a_row_its_type_refuses_is_given_back_and_the_others_are_issued(hub: Hub) -> None:
    rows = [enterprise(1), enterprise(2, fields={"name": "x"}), enterprise(3)]
    counts = issue(hub, rows)
    assert (counts.issued, counts.faulty) == (2, 1)
    assert {fault.column for fault in counts.faults} == {"credit_code", "region", "registered_on"}
    assert {fault.row_number for fault in counts.faults} == {2}
    assert not any(fault.zh == "x" for fault in counts.faults)


def test_each_certificate_has_a_place_of_its_own(hub: Hub) -> None:
    issue(hub, [enterprise(n) for n in range(1, 200)])
    with hub.work.read() as connection:
        places = connection.execute(
            sa.select(certificates.c.status_list, certificates.c.status_index)
        ).all()
    assert len(set(places)) == 199


def test_a_pool_of_processes_issues_the_same(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing_module, "CHUNK", 20)
    rows = sorted((enterprise(n) for n in range(1, 101)), key=lambda row: row.serial)
    with signing_for(hub.keys, MARKET, workers=2) as pool:
        assert issue(hub, rows, pool) == Counts(issued=100)
    assert published(hub, versions(hub, rows[57])[0]) == "status-valid"


class WhileSigning(SigningHere):
    """Lets something else happen between the first act and the third."""

    def __init__(self, hub: Hub, meanwhile: list[Issuable]) -> None:
        super().__init__(hub.keys.issuer(MARKET))
        self._hub = hub
        self._meanwhile = meanwhile

    def submit(self, chunk: Chunk) -> Future[SignedChunk]:
        signed = super().submit(chunk)
        if self._meanwhile:
            rows, self._meanwhile = self._meanwhile, []
            issue(self._hub, rows)
        return signed


def test_whoever_is_overtaken_between_two_acts_decides_anew(hub: Hub) -> None:
    rows = [enterprise(1), enterprise(2)]
    counts = issue(hub, rows, WhileSigning(hub, [enterprise(1)]))
    assert counts == Counts(issued=1, unchanged=1)
    assert count(hub, certificates) == 2


def test_two_at_once_issue_each_certificate_once(hub: Hub) -> None:
    rows = sorted((enterprise(n) for n in range(1, 301)), key=lambda row: row.serial)
    results: list[Counts] = []
    together = threading.Barrier(2)

    def run() -> None:
        together.wait()
        results.append(issue(hub, rows))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((each.issued, each.unchanged) for each in results) == [(0, 300), (300, 0)]
    assert count(hub, certificates) == 300


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "chunk"),
    [("before-signing", 1), ("before-signing", 2), ("after-signing", 1), ("after-signing", 3),
     ("after-commit", 1), ("after-commit", 3)],
)  # fmt: skip
def test_killed_at_any_act_nothing_is_issued_twice(served: Served, act: str, chunk: int) -> None:
    hub = served.hub
    url = hub.settings.database_url.get_secret_value()
    command = [sys.executable, "-m", "tests.certificates.killed", url,
               str(hub.settings.keys_dir), PASSPHRASE, act, str(chunk)]  # fmt: skip
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == DEAD, killed.stderr
    survived = count(hub, certificates)
    rows = sorted((enterprise(n) for n in range(1, ROWS + 1)), key=lambda row: row.serial)
    assert issue(hub, rows) == Counts(issued=ROWS - survived, unchanged=survived)
    assert count(hub, certificates) == ROWS
    with hub.work.read() as connection:
        places = sa.select(certificates.c.status_list, certificates.c.status_index).distinct()
        assert len(connection.execute(places).all()) == ROWS


def test_a_list_nobody_changed_stays_as_it_was_published(hub: Hub) -> None:
    issue(hub, [enterprise(1)])
    first = hub.certificates.status_list(MARKET, 1)
    assert hub.certificates.status_list(MARKET, 1) is first
    issue(hub, [enterprise(2, state="07")])
    assert hub.certificates.status_list(MARKET, 1).sequence > first.sequence


def test_a_certificate_shows_nothing_of_its_holder_unless_disclosed(hub: Hub) -> None:
    row = enterprise(1)
    issue(hub, [row])
    parts = parse(versions(hub, row)[0].credential)
    assert len(parts.disclosures) == 2 + len(row.fields)


def count(hub: Hub, table: sa.Table) -> int:
    with hub.work.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_status_changes_are_written_only_where_something_is_not_in_force(hub: Hub) -> None:
    issue(hub, [enterprise(1), enterprise(2, state="02")])
    assert count(hub, status_changes) == 1
