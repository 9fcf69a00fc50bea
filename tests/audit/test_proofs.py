"""One record proven to a third party as one file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from exchange.audit.entries import leaf_of
from exchange.audit.errors import NoteRefused, ReceiptRefused
from exchange.audit.merkle import Frontier, append_batch
from exchange.audit.notes import Checkpoint, sign_checkpoint
from exchange.audit.proofs import build_proof, read_proof, verify_proof
from exchange.audit.receipts import build_receipt
from exchange.audit.witness_policy import parse_policy
from tests.audit.test_cosignatures import ORIGIN, SIGNER, key
from tests.audit.test_receipts import OPENINGS, RECORDS
from tests.client.signed import SigningHub

VKEY = SIGNER.verifier.vkey
POLICY = parse_policy(
    f"witness one {key(1).cosigner.vkey}\nwitness two {key(2).cosigner.vkey}\n"
    "group both all one two\nquorum both"
)


def receipt(at: int, *witnesses: int) -> str:
    leaves = [leaf_of(opening) for opening in OPENINGS]
    growth = append_batch(Frontier(), leaves)
    checkpoint = Checkpoint(ORIGIN, len(leaves), growth.root)
    note = sign_checkpoint(checkpoint, SIGNER)
    note += "".join(key(each).signature_line(checkpoint.text(), 100 + each) for each in witnesses)
    return build_receipt(at, OPENINGS[at], growth.proofs[at], note)


def test_a_file_proves_its_record_and_names_the_witnesses() -> None:
    value = read_proof(json.dumps(build_proof(receipt(3, 1, 2))))
    proven = verify_proof(value, VKEY, ORIGIN, POLICY)
    assert proven.record == json.loads(RECORDS[3])
    assert (proven.receipt.index, proven.receipt.nonce) == (3, bytes([3]) * 16)
    assert {name: at.timestamp() for name, at in proven.witnesses.items()} == {
        "one": 101, "two": 102,
    }  # fmt: skip
    assert proven.evidence is None


def test_too_few_cosignatures_prove_nothing_under_a_policy() -> None:
    value = build_proof(receipt(3, 1))
    with pytest.raises(ReceiptRefused, match="fewer witnesses"):
        verify_proof(value, VKEY, ORIGIN, POLICY)
    assert verify_proof(value, VKEY, ORIGIN).witnesses == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value | {"format": "other"},
        lambda value: value | {"receipt": 5},
        lambda value: value | {"record": value["record"] | {"reason": "record 4"}},
        lambda value: value | {"receipt": value["receipt"].replace("index 3", "index 4")},
        lambda value: value | {"evidence": {}},
        lambda value: value | {"evidence": {"response": {"receipt": "x"}}},
        lambda value: [value],
    ],
    ids=["format", "no-receipt", "other-record", "other-place", "no-response", "no-such-receipt",
         "list"],
)  # fmt: skip
def test_a_changed_file_is_refused(change: Callable[[Any], Any]) -> None:
    with pytest.raises(ReceiptRefused):
        verify_proof(change(build_proof(receipt(3))), VKEY, ORIGIN)


def test_a_file_of_another_log_is_refused() -> None:
    with pytest.raises(NoteRefused):
        verify_proof(build_proof(receipt(3)), VKEY, "other.example/log")


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ReceiptRefused):
        read_proof("{")


def test_the_signed_answer_is_carried_along_if_it_is_about_the_record() -> None:
    hub = SigningHub.new()
    evidence = hub.single()
    value = build_proof(evidence.response["receipt"], evidence.as_dict())
    log = hub.log.verifier
    assert verify_proof(value, log.vkey, log.name).evidence == evidence.as_dict()

    with pytest.raises(ReceiptRefused, match="another record"):
        verify_proof(value | {"evidence": {"response": {"receipts": []}}}, log.vkey, log.name)
