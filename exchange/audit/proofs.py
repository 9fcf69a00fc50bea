"""One record proven to a third party as one file, checked offline with public keys alone.

Pure. The file is JSON: the receipt (record, nonce, inclusion proof, checkpoint with whatever
cosignatures it has), the record once more for reading, and the signed answer where whoever made
the file had it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from exchange.audit.cosignatures import cosigned_times
from exchange.audit.entries import NONCE_SIZE
from exchange.audit.errors import ReceiptRefused
from exchange.audit.receipts import VerifiedReceipt, parse_receipt, verify_receipt
from exchange.audit.records import parse_record
from exchange.audit.witness_policy import NONE, WitnessPolicy

FORMAT: Final = "yici-log-proof-1"


@dataclass(frozen=True, slots=True)
class Proven:
    """What a file proves: the record, its place, and which witnesses saw the log, since when.

    `evidence` is the request and signed answer that the file carries, unproven as yet: they need
    the hub's answer keys (``exchange.client.evidence``).
    """

    receipt: VerifiedReceipt
    origin: str
    record: Mapping[str, Any]
    witnesses: Mapping[str, datetime]
    evidence: Mapping[str, Any] | None


def build_proof(receipt: str, evidence: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The file's content for a receipt that holds; `evidence` as the SDK writes it."""
    opening = parse_receipt(receipt).opening or b""
    proof: dict[str, Any] = {
        "format": FORMAT,
        "record": parse_record(opening[NONCE_SIZE:]),
        "receipt": receipt,
    }
    if evidence is not None:
        proof["evidence"] = dict(evidence)
    return proof


def verify_proof(value: Any, vkey: str, origin: str, policy: WitnessPolicy | None = None) -> Proven:
    """Prove a file with the log's public key, and its witnesses by a policy where one is given.

    Raises ReceiptRefused if it is no such file, if the record shown is not the one proven or if
    the policy's quorum is not reached; NoteRefused if signature or origin do not hold.
    """
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        raise ReceiptRefused(zh="不是日志证明文件", en="this is no file of proof")
    text = value.get("receipt")
    if not isinstance(text, str):
        raise ReceiptRefused(zh="证明文件缺少回执", en="the file of proof has no receipt")
    receipt = verify_receipt(text, vkey, origin)
    record = parse_record(receipt.record)
    if value.get("record") != record:
        raise ReceiptRefused(
            zh="所示记录不是所证明的记录", en="the record shown is not the record proven"
        )
    if not _is_about(value.get("evidence"), receipt):
        raise ReceiptRefused(
            zh="所附答复不是关于这条记录的", en="the answer it carries is about another record"
        )
    policy = policy or WitnessPolicy()
    if policy.quorum != NONE and policy.find_time(receipt.checkpoint) is None:
        raise ReceiptRefused(
            zh="联署的见证方不足策略所需", en="fewer witnesses cosigned than the policy needs"
        )
    times = cosigned_times(receipt.checkpoint, [each.cosigner for each in policy.witnesses])
    return Proven(
        receipt=receipt,
        origin=origin,
        record=record,
        witnesses={
            each.name: datetime.fromtimestamp(times[each.cosigner.public_key], UTC)
            for each in policy.witnesses
            if each.cosigner.public_key in times
        },
        evidence=value.get("evidence"),
    )


def _is_about(evidence: Any, proven: VerifiedReceipt) -> bool:
    """Whether evidence, if any, carries a receipt of this very record."""
    if evidence is None:
        return True
    try:
        response = evidence["response"]
        given = [response["receipt"]] if "receipt" in response else response.get("receipts", [])
        return any(parse_receipt(text).opening == proven.nonce + proven.record for text in given)
    except (KeyError, TypeError, AttributeError, ReceiptRefused):
        return False


def read_proof(text: str) -> Any:
    """Parse a file's text. Raises ReceiptRefused."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ReceiptRefused(zh="证明文件不是 JSON", en="the file of proof is not JSON") from None
