"""Receipts verify by themselves, and only as they were given."""

from __future__ import annotations

import base64
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.audit.entries import leaf_of
from exchange.audit.errors import AuditError, NoteRefused, ReceiptRefused
from exchange.audit.merkle import Frontier, append_batch
from exchange.audit.notes import Checkpoint, NoteSigner, sign_checkpoint
from exchange.audit.receipts import build_receipts, parse_receipt, verify_receipt
from exchange.audit.records import prepare

ORIGIN = "hub.example/log"
SIGNER = NoteSigner.from_private_key(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
VKEY = SIGNER.verifier.vkey
AT = datetime(2026, 3, 1, tzinfo=UTC)
RECORDS = [
    prepare("sign-in", AT, outcome="done", reason=f"record {number}").body for number in range(13)
]
OPENINGS = [bytes([number]) * 16 + record for number, record in enumerate(RECORDS)]


def receipts(before: int) -> list[str]:
    leaves = [leaf_of(opening) for opening in OPENINGS]
    growth = append_batch(Frontier().appended(leaves[:before]), leaves[before:])
    note = sign_checkpoint(Checkpoint(ORIGIN, len(RECORDS), growth.root), SIGNER)
    return build_receipts(before, OPENINGS[before:], growth.proofs, note)


@pytest.mark.parametrize("before", range(len(RECORDS)))
def test_each_receipt_of_a_batch_proves_its_record(before: int) -> None:
    for index, receipt in enumerate(receipts(before), before):
        proven = verify_receipt(receipt, VKEY, ORIGIN)
        assert (proven.index, proven.record, proven.size) == (index, RECORDS[index], 13)


def test_the_only_record_of_a_log_has_a_receipt_without_path() -> None:
    opening = bytes(16) + b"{}"
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, leaf_of(opening)), SIGNER)
    receipt = build_receipts(0, [opening], [()], note)[0]
    assert verify_receipt(receipt, VKEY, ORIGIN).record == b"{}"


def test_a_receipt_for_another_log_or_key_is_refused() -> None:
    receipt = receipts(5)[0]
    with pytest.raises(NoteRefused):
        verify_receipt(receipt, VKEY, "other.example/log")
    stranger = NoteSigner.from_private_key(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"1" * 32))
    with pytest.raises(NoteRefused):
        verify_receipt(receipt, stranger.verifier.vkey, ORIGIN)


def test_no_single_changed_character_survives() -> None:
    receipt = receipts(5)[3]
    proven = verify_receipt(receipt, VKEY, ORIGIN)
    for at in range(len(receipt)):
        changed = receipt[:at] + ("A" if receipt[at] != "A" else "B") + receipt[at + 1 :]
        with pytest.raises(AuditError):
            assert verify_receipt(changed, VKEY, ORIGIN) != proven
            raise AssertionError(f"accepted with character {at} changed")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("tlog-proof@v1", "tlog-proof@v2"),
        lambda text: text.replace("index 8", "index 08"),
        lambda text: text.replace("index 8", "index  8"),
        lambda text: text.replace("index 8\n", ""),
        lambda text: text.replace("extra ", "Extra "),
        lambda text: text.replace("\n\n", "\n", 1),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\n" + text,
        lambda text: text + "\n",
        lambda text: text.replace("\nindex", "\nindex 8\nindex"),
        lambda text: "",
        lambda text: text.replace("index 8\n", "index 8\n" + "A" * 43 + "=\n"),
        lambda text: text.replace("index 8\n", "index 8\n" + ("A" * 43 + "=\n") * 70),
    ],
)
def test_a_damaged_receipt_is_refused(damage: object) -> None:
    receipt = receipts(5)[3]
    assert callable(damage)
    with pytest.raises(AuditError):
        verify_receipt(damage(receipt), VKEY, ORIGIN)


def test_a_proof_without_record_parses_but_proves_nothing() -> None:
    receipt = receipts(5)[3]
    bare = "\n".join(line for line in receipt.split("\n") if not line.startswith("extra "))
    assert parse_receipt(bare).opening is None
    with pytest.raises(ReceiptRefused, match="no record"):
        verify_receipt(bare, VKEY, ORIGIN)


def test_the_record_of_a_receipt_with_another_nonce_is_refused() -> None:
    receipt = receipts(5)[3]
    forged = base64.b64encode(bytes(16) + RECORDS[8]).decode()
    lines = [
        f"extra {forged}" if line.startswith("extra ") else line for line in receipt.split("\n")
    ]
    with pytest.raises(ReceiptRefused):
        verify_receipt("\n".join(lines), VKEY, ORIGIN)


def test_a_receipt_whose_record_is_missing_behind_the_nonce_is_refused() -> None:
    opening = bytes(16)
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, leaf_of(opening)), SIGNER)
    with pytest.raises(ReceiptRefused):
        verify_receipt(build_receipts(0, [opening], [()], note)[0], VKEY, ORIGIN)


def test_another_record_in_the_extra_line_is_refused() -> None:
    receipt = receipts(5)[3]
    forged = base64.b64encode(OPENINGS[2]).decode()
    lines = [
        f"extra {forged}" if line.startswith("extra ") else line for line in receipt.split("\n")
    ]
    with pytest.raises(ReceiptRefused):
        verify_receipt("\n".join(lines), VKEY, ORIGIN)


def test_verifying_loads_neither_database_nor_web_server() -> None:
    program = (
        "import sys, exchange.audit.receipts, exchange.audit.records, exchange.audit.tiles;"
        "heavy = {'sqlalchemy', 'psycopg2', 'psycopg', 'fastapi', 'httpx', 'pydantic', 'orjson'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
