"""Signed answers: what the hub said, to whom, about which request, and where it stands in the log.

Pure: the client SDK and any third party verify with this, the log's key and the hub's public
keys alone. An answer is a compact JWS (ES256, ``typ: yici-answer+jwt``) over

- ``request``: SHA-256 of the request body's bytes,
- ``aud``: the system that asked,
- ``result``: SHA-256 of the canonical JSON of the result,
- ``log``: the log's origin, the index of the first record and how many records there are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from certstore.jws import sign_compact, verify_compact
from certstore.keys import Signer
from certstore.public_keys import TrustedKeys
from certstore.strict_json import parse_json
from certstore.verdict import PARTS
from exchange.audit.receipts import VerifiedReceipt, verify_receipt

TYPE: Final = "yici-answer+jwt"


class AnswerRefused(Exception):
    """An answer does not hold; ``code`` names what does not fit."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.code = code
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """What a verified answer says. ``index`` is the first record's place in the log."""

    issuer: str
    audience: str
    issued_at: int
    index: int
    count: int
    origin: str


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no white space, UTF-8 (RFC 8785 for what results hold)."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(value: bytes) -> str:
    """SHA-256, hexadecimal."""
    return sha256(value).hexdigest()


def sign_answer(
    signer: Signer,
    *,
    issuer: str,
    audience: str,
    issued_at: int,
    request: str,
    result: str,
    origin: str,
    index: int,
    count: int = 1,
) -> str:
    """Sign one answer. ``request`` and ``result`` are SHA-256 digests, hexadecimal."""
    # Every text here is the hub's own or was checked when the system was registered.
    payload = json.dumps(
        {
            "iss": issuer,
            "aud": audience,
            "iat": issued_at,
            "request": request,
            "result": result,
            "log": {"origin": origin, "index": index, "count": count},
        },
        separators=(",", ":"),
    ).encode()
    return sign_compact(payload, signer, typ=TYPE).decode()


def verify_answer(
    answer: str,
    keys: TrustedKeys,
    *,
    request: bytes,
    result: bytes,
    audience: str,
    receipted: bool = False,
) -> VerifiedAnswer:
    """Verify an answer against the bytes that were sent and the canonical result received.

    With ``receipted`` a receipt goes with it, which proves by the log's key what a key of answers
    that was stolen later no longer can.

    Raises:
        AnswerRefused: ``request-mismatch``, ``result-mismatch``, ``other-caller``, ``malformed``,
            and the faults of a key's term (``certstore.key_term``).
        JwsError: the signature does not hold.
    """
    header, payload = verify_compact(answer.encode(), keys, typ=TYPE)
    claims = parse_json(payload, field="answer")
    try:
        verified = VerifiedAnswer(
            issuer=claims["iss"],
            audience=claims["aud"],
            issued_at=int(claims["iat"]),
            index=int(claims["log"]["index"]),
            count=int(claims["log"]["count"]),
            origin=claims["log"]["origin"],
        )
        requested, resulted = claims["request"], claims["result"]
    except (KeyError, TypeError, ValueError):
        raise AnswerRefused("malformed", "答复缺少声明", "the answer lacks a claim") from None
    key = keys.find_key(header["kid"])
    fault = key.term.find_fault(verified.issued_at) if key is not None and key.term else None
    if fault is not None and not (receipted and fault == "key-compromised-later"):
        raise AnswerRefused(fault, PARTS[fault].zh, PARTS[fault].en)
    if verified.audience != audience:
        raise AnswerRefused(
            "other-caller", "答复不是给本系统的", "the answer is for another system"
        )
    if requested != digest(request):
        raise AnswerRefused(
            "request-mismatch", "答复对应的不是此请求", "the answer is to another request"
        )
    if resulted != digest(result):
        raise AnswerRefused(
            "result-mismatch", "结果与签名不符", "the result is not the one that was signed"
        )
    return verified


def verify_answer_and_receipt(
    response: Mapping[str, Any],
    keys: TrustedKeys,
    log_key: str,
    *,
    request: bytes,
    audience: str,
) -> tuple[VerifiedAnswer, VerifiedReceipt]:
    """Verify a whole lookup response offline: the answer, the receipt, and that both say the same.

    Raises:
        AnswerRefused, JwsError, ReceiptRefused: named after what does not hold.
    """
    result = canonical(result_of(response))
    verified = verify_answer(
        response["answer"],
        keys,
        request=request,
        result=result,
        audience=audience,
        receipted=True,
    )
    receipt = verify_receipt(response["receipt"], log_key, verified.origin)
    record = json.loads(receipt.record)
    if receipt.index != verified.index:
        raise AnswerRefused(
            "index-mismatch", "回执与答复的序号不符", "receipt and answer name different records"
        )
    if record.get("request") != digest(request) or record.get("result") != digest(result):
        raise AnswerRefused(
            "record-mismatch", "日志记录与答复不符", "the record is of another answer"
        )
    return verified, receipt


def result_of(response: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a lookup response that is signed as its result."""
    if "reasons" in response:
        return {
            "lookup": response["lookup"],
            "reasons": response["reasons"],
        }
    return {
        "lookup": response["lookup"],
        "found": response["found"],
        "certificates": response["certificates"],
    }
