"""Evidence proves itself with public keys alone, and every change to it is found and named."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certstore.errors import CertstoreError
from exchange.audit.errors import AuditError
from exchange.client.evidence import Evidence, EvidenceUnusable, Trust, prove
from exchange.client.lookups import result_of_batch, result_of_lookup
from exchange.client.problems import YiciUnproven
from exchange.lookups.answers import AnswerRefused
from tests.client.signed import AUDIENCE, SigningHub

REFUSALS = (AnswerRefused, CertstoreError, AuditError)


@pytest.fixture(scope="module")
def hub() -> SigningHub:
    return SigningHub.new()


def changed(evidence: Evidence, change: Callable[[dict[str, Any]], object]) -> Evidence:
    response = copy.deepcopy(dict(evidence.response))
    change(response)
    return replace(evidence, response=response)


def test_an_answered_lookup_proves_what_was_said_to_whom_and_where_it_stands(
    hub: SigningHub,
) -> None:
    proven = prove(hub.single(), hub.trust())
    assert (proven.audience, proven.index, proven.count, proven.size) == (AUDIENCE, 5, 1, 6)
    assert proven.records[0]["outcome"] == "released"


def test_a_batch_is_proven_with_and_without_receipts(hub: SigningHub) -> None:
    with_receipts = prove(hub.batch(7), hub.trust())
    assert (with_receipts.index, with_receipts.count, len(with_receipts.records)) == (5, 7, 7)
    without = prove(hub.batch(7, receipts=False), hub.trust())
    assert (without.count, without.records) == (7, ())
    assert prove(hub.batch(1), hub.trust()).count == 1


SINGLE_CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a field": lambda r: r["certificates"][0]["fields"].update(name="另一家公司"),
    "the state": lambda r: r["certificates"][0].update(state="revoked", state_code="03"),
    "found": lambda r: r.update(found=False),
    "the lookup's id": lambda r: r.update(lookup="0197a000-0000-7000-8000-00000000000f"),
    "one character of the answer": lambda r: r.update(answer=r["answer"][:-9] + "A" * 9),
    "the receipt's index": lambda r: r.update(receipt=r["receipt"].replace("index 5", "index 4")),
    "no answer": lambda r: r.pop("answer"),
    "no receipt": lambda r: r.pop("receipt"),
    "an answer that is no text": lambda r: r.update(answer=7),
    "certificates that are none": lambda r: r.pop("certificates"),
}


@pytest.mark.parametrize("name", SINGLE_CHANGES)
def test_a_changed_response_is_refused(hub: SigningHub, name: str) -> None:
    with pytest.raises(REFUSALS):
        prove(changed(hub.single(), SINGLE_CHANGES[name]), hub.trust())


BATCH_CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "one result": lambda r: r["lookups"][2]["certificates"][0]["fields"].update(name="x"),
    "one index": lambda r: r["lookups"][2].update(index=99),
    "two swapped": lambda r: r["lookups"].reverse(),
    "one left out": lambda r: r["lookups"].pop(),
    "a receipt left out": lambda r: r["receipts"].pop(),
    "receipts swapped": lambda r: r["receipts"].reverse(),
    "the checkpoint": lambda r: r.update(checkpoint=r["checkpoint"].replace("\n8\n", "\n9\n")),
}


@pytest.mark.parametrize("name", BATCH_CHANGES)
def test_a_changed_batch_is_refused(hub: SigningHub, name: str) -> None:
    with pytest.raises(REFUSALS):
        prove(changed(hub.batch(3), BATCH_CHANGES[name]), hub.trust())


def test_an_answer_to_another_request_is_refused(hub: SigningHub) -> None:
    with pytest.raises(AnswerRefused) as refused:
        prove(replace(hub.single(), request=b'{"fields":["address"]}'), hub.trust())
    assert refused.value.code == "request-mismatch"


def test_an_answer_to_another_system_is_refused(hub: SigningHub) -> None:
    with pytest.raises(AnswerRefused) as refused:
        prove(replace(hub.single(), audience="another"), hub.trust())
    assert refused.value.code == "other-caller"


def test_another_hubs_answer_is_refused(hub: SigningHub) -> None:
    with pytest.raises(REFUSALS):
        prove(hub.single(), SigningHub.new().trust())


def test_an_answer_that_names_another_log_is_refused(hub: SigningHub) -> None:
    elsewhere = replace(SigningHub.new(origin="other.test/log"), answers=hub.answers)
    trust = replace(hub.trust(), log_key=elsewhere.trust().log_key)
    with pytest.raises(AnswerRefused) as refused:
        prove(elsewhere.single(), trust)
    assert refused.value.code == "other-log"


def test_the_sdk_gives_out_only_what_was_proven(hub: SigningHub) -> None:
    result = result_of_lookup(hub.single(), hub.trust())
    assert result.certificates[0].fields["name"] == "广州云汐五金制品有限公司"
    assert result_of_batch(hub.batch(2), hub.trust()).lookups[1].index == 6
    with pytest.raises(YiciUnproven):
        result_of_lookup(changed(hub.single(), SINGLE_CHANGES["a field"]), hub.trust())


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"format": "yici-evidence-1", "request": "\ud800", "response": {}}, "text"],
)
def test_what_is_no_evidence_is_unusable(value: Any) -> None:
    with pytest.raises(EvidenceUnusable):
        Evidence.from_dict(value)


@pytest.mark.parametrize("value", [None, [], {}, {"hub": {"jwks": {}}, "log": {"origin": "x"}}])
def test_what_is_no_trust_document_is_unusable(value: Any) -> None:
    with pytest.raises(EvidenceUnusable):
        Trust.from_document(value)


def offline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exchange.client.offline", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, env={**os.environ}
    )


def write(folder: Path, hub: SigningHub, evidence: Evidence) -> None:
    (folder / "trust.json").write_text(json.dumps(hub.document()), "utf-8")
    (folder / "evidence.json").write_text(json.dumps(evidence.as_dict()), "utf-8")


def test_a_separate_process_proves_the_evidence_and_says_so(
    hub: SigningHub, tmp_path: Path
) -> None:
    write(tmp_path, hub, hub.single())
    done = offline(tmp_path, "evidence.json", "--trust", "trust.json")
    assert done.returncode == 0, done.stderr
    assert "回执" in done.stdout and "stands in the log of 6 records" in done.stdout
    as_json = offline(tmp_path, "evidence.json", "--trust", "trust.json", "--json")
    assert json.loads(as_json.stdout)["index"] == 5


def test_a_separate_process_refuses_altered_evidence(hub: SigningHub, tmp_path: Path) -> None:
    write(tmp_path, hub, changed(hub.single(), SINGLE_CHANGES["the state"]))
    done = offline(tmp_path, "evidence.json", "--trust", "trust.json")
    assert (done.returncode, "结果与签名不符" in done.stdout) == (1, True)


def test_a_separate_process_says_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "evidence.json").write_bytes(b"\xff{")
    done = offline(tmp_path, "evidence.json", "--trust", "missing.json")
    assert (done.returncode, "missing.json" in done.stderr) == (2, True)


def test_proving_loads_neither_network_nor_database() -> None:
    program = (
        "import sys, exchange.client.offline\n"
        "heavy = {'httpx', 'requests', 'urllib3', 'minio', 'sqlalchemy', 'psycopg2', 'fastapi'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_sdk_needs_no_server_and_no_database() -> None:
    program = (
        "import sys, exchange.client.system\n"
        "heavy = {'minio', 'sqlalchemy', 'psycopg2', 'fastapi', 'cedarpy', 'pandas'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
