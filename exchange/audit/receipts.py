"""Receipts: C2SP tlog-proofs whose `extra` line carries nonce and record of the entry they prove.

Pure. A receipt verifies by itself, offline, with the log's public key alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.audit.entries import leaf_of, split_opening
from exchange.audit.errors import NoteRefused, ProofRefused, ReceiptRefused, RecordRefused
from exchange.audit.merkle import HASH_SIZE, Proof, verify_inclusion
from exchange.audit.notes import (
    MAX_NOTE_BYTES,
    NoteVerifier,
    decode_base64,
    encode_base64,
    open_checkpoint,
    parse_size,
)

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as parsed: nothing in it is proven yet."""

    index: int
    opening: bytes | None
    proof: Proof
    checkpoint: str


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a receipt proves: this record stands at `index` in the log of this size and root.

    `checkpoint` is the signed note that says so, with whatever cosignatures it carries.
    """

    index: int
    record: bytes
    nonce: bytes
    size: int
    root: bytes
    checkpoint: str


def build_receipt(index: int, opening: bytes, proof: Sequence[bytes], checkpoint: str) -> str:
    """A receipt for a record under a signed checkpoint; `opening` is nonce ‖ record."""
    return build_receipts(index, (opening,), (proof,), checkpoint)[0]


def build_receipts(
    first_index: int,
    openings: Sequence[bytes],
    proofs: Sequence[Sequence[bytes]],
    checkpoint: str,
) -> list[str]:
    """Receipts for consecutive records under one checkpoint; each hash is encoded once."""
    encoded: dict[bytes, str] = {
        step: encode_base64(step) for step in {step for proof in proofs for step in proof}
    }
    receipts = []
    for index, (opening, proof) in enumerate(zip(openings, proofs, strict=True), first_index):
        path = "".join([encoded[step] + "\n" for step in proof])
        extra = encode_base64(opening)
        receipts.append(f"{HEADER}\nextra {extra}\nindex {index}\n{path}\n{checkpoint}")
    return receipts


def parse_receipt(text: str) -> Receipt:
    """Read a receipt without trusting it. Raises ReceiptRefused."""
    if len(text) > MAX_NOTE_BYTES:
        raise _malformed()
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines.pop(0) != HEADER or not lines:
        raise _malformed()
    try:
        opening = None
        if lines[0].startswith("extra "):
            opening = decode_base64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise _malformed()
        index = parse_size(lines.pop(0).removeprefix("index "))
        proof = tuple(decode_base64(line) for line in lines)
    except NoteRefused:
        raise _malformed() from None
    if len(proof) > MAX_PATH or any(len(step) != HASH_SIZE for step in proof):
        raise _malformed()
    return Receipt(index, opening, proof, checkpoint)


def verify_receipt(text: str, vkey: str, origin: str) -> VerifiedReceipt:
    """Prove a receipt: signature, origin and inclusion of the record it carries.

    `vkey` is the log's public key (C2SP signed-note), `origin` the log's name; both come from
    the hub's operator, never from the receipt. Raises ReceiptRefused, or NoteRefused for a key
    or checkpoint that does not hold.
    """
    receipt = parse_receipt(text)
    if receipt.opening is None:
        raise ReceiptRefused(zh="回执未携带记录", en="the receipt carries no record")
    checkpoint = open_checkpoint(receipt.checkpoint, (NoteVerifier.from_vkey(vkey),), origin)
    try:
        nonce, record = split_opening(receipt.opening)
        verify_inclusion(
            leaf_of(receipt.opening),
            receipt.index,
            checkpoint.size,
            receipt.proof,
            checkpoint.root,
        )
    except (ProofRefused, RecordRefused) as refused:
        raise ReceiptRefused(zh=refused.zh, en=refused.en) from None
    return VerifiedReceipt(
        receipt.index, record, nonce, checkpoint.size, checkpoint.root, receipt.checkpoint
    )


def _malformed() -> ReceiptRefused:
    return ReceiptRefused(zh="回执格式有误", en="the receipt is malformed")
