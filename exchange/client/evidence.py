"""Evidence of one lookup, kept for later: what was sent, what came back, and who asked.

Pure: it proves itself with the hub's public keys alone, years later and without the hub.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from certstore.errors import CertstoreError
from certstore.public_keys import TrustedKeys
from exchange.audit.errors import AuditError
from exchange.audit.notes import NoteVerifier, open_checkpoint
from exchange.audit.receipts import VerifiedReceipt, verify_receipt
from exchange.lookups.answers import (
    AnswerRefused,
    VerifiedAnswer,
    canonical,
    digest,
    result_of,
    verify_answer,
    verify_answer_and_receipt,
)

FORMAT: Final = "yici-evidence-1"


class EvidenceUnusable(Exception):
    """A file is no evidence or no trust document at all; ``zh`` and ``en`` say which part."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Trust:
    """The hub's public keys: those that sign answers, and the log's name and key."""

    answers: TrustedKeys
    origin: str
    log_key: str
    document: Mapping[str, Any]

    @classmethod
    def from_document(cls, document: Any) -> Trust:
        """Read a trust document, as ``GET /v1/trust`` gives it.

        Raises:
            EvidenceUnusable: it lacks the hub's keys or the log's.
        """
        try:
            origin, key = document["log"]["origin"], document["log"]["key"]
            NoteVerifier.from_vkey(key)
            answers = TrustedKeys.from_jwks(document["hub"]["jwks"])
        except (KeyError, TypeError, AttributeError, CertstoreError, AuditError):
            raise EvidenceUnusable(
                "信任文件缺少枢纽答复公钥或日志公钥",
                "the trust document lacks the hub's answer keys or the log's key",
            ) from None
        return cls(answers, str(origin), str(key), dict(document))


@dataclass(frozen=True, slots=True)
class Evidence:
    """The exact bytes of a request, the response's JSON, and the system that asked."""

    request: bytes
    response: Mapping[str, Any]
    audience: str

    def as_dict(self) -> dict[str, Any]:
        """As a JSON object; :meth:`from_dict` reads it back."""
        return {
            "format": FORMAT,
            "request": self.request.decode(),
            "response": dict(self.response),
            "audience": self.audience,
        }

    @classmethod
    def from_dict(cls, value: Any) -> Evidence:
        """Read evidence back.

        Raises:
            EvidenceUnusable: it is not what :meth:`as_dict` writes.
        """
        if (
            not isinstance(value, Mapping)
            or value.get("format") != FORMAT
            or not isinstance(value.get("request"), str)
            or not isinstance(value.get("response"), Mapping)
            or not isinstance(value.get("audience"), str)
        ):
            raise EvidenceUnusable("不是查验凭证文件", "this is no file of evidence")
        try:
            request = value["request"].encode()
        except UnicodeEncodeError:
            raise EvidenceUnusable(
                "查验凭证中的请求不是 UTF-8 文本", "the evidence's request is not UTF-8 text"
            ) from None
        return cls(request, value["response"], value["audience"])


@dataclass(frozen=True, slots=True)
class Proven:
    """What evidence proves: the hub said this to ``audience``, at that place in its log.

    ``receipts`` are the proofs of the records, in order; a batch asked without receipts has none,
    and then its place in the log rests on the hub's signed word.
    """

    issuer: str
    audience: str
    issued_at: datetime
    origin: str
    index: int
    count: int
    size: int
    root: bytes
    results: tuple[Mapping[str, Any], ...]
    records: tuple[Mapping[str, Any], ...]


def prove(evidence: Evidence, trust: Trust) -> Proven:
    """Prove evidence with public keys alone: no network, no database, no clock.

    Raises:
        AnswerRefused, CertstoreError, AuditError: named after what does not hold.
    """
    try:
        if "lookups" in evidence.response:
            return _prove_batch(evidence, trust)
        return _prove_single(evidence, trust)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise AnswerRefused(
            "malformed", "响应缺少应有的部分", "the response lacks a part it must have"
        ) from None


def _prove_single(evidence: Evidence, trust: Trust) -> Proven:
    answer, receipt = verify_answer_and_receipt(
        evidence.response,
        trust.answers,
        trust.log_key,
        request=evidence.request,
        audience=evidence.audience,
    )
    _same_log(answer, trust)
    if answer.count != 1:
        raise _other_number()
    return _proven(answer, [result_of(evidence.response)], [receipt], receipt.size, receipt.root)


def _prove_batch(evidence: Evidence, trust: Trust) -> Proven:
    response = evidence.response
    listed = response["lookups"]
    results = [result_of(each) for each in listed]
    signed = canonical(results[0] if len(results) == 1 else results)
    answer = verify_answer(
        response["answer"],
        trust.answers,
        request=evidence.request,
        result=signed,
        audience=evidence.audience,
    )
    _same_log(answer, trust)
    if answer.count != len(results) or [each["index"] for each in listed] != list(
        range(answer.index, answer.index + answer.count)
    ):
        raise _other_number()
    checkpoint = open_checkpoint(
        response["checkpoint"], (NoteVerifier.from_vkey(trust.log_key),), trust.origin
    )
    if checkpoint.size < answer.index + answer.count:
        raise AnswerRefused(
            "index-mismatch",
            "检查点尚未包含答复所指的记录",
            "the checkpoint does not cover the records the answer names",
        )
    receipts = []
    given = response.get("receipts") or []
    if given and len(given) != len(results):
        raise _other_number()
    for index, (text, result) in enumerate(zip(given, results, strict=bool(given)), answer.index):
        receipt = verify_receipt(text, trust.log_key, trust.origin)
        record = json.loads(receipt.record)
        if (
            receipt.index != index
            or record.get("request") != digest(evidence.request)
            or record.get("result") != digest(canonical(result))
        ):
            raise AnswerRefused(
                "record-mismatch", "日志记录与答复不符", "the record is of another answer"
            )
        receipts.append(receipt)
    return _proven(answer, results, receipts, checkpoint.size, checkpoint.root)


def _proven(
    answer: VerifiedAnswer,
    results: Sequence[Mapping[str, Any]],
    receipts: Sequence[VerifiedReceipt],
    size: int,
    root: bytes,
) -> Proven:
    return Proven(
        issuer=answer.issuer,
        audience=answer.audience,
        issued_at=datetime.fromtimestamp(answer.issued_at, UTC),
        origin=answer.origin,
        index=answer.index,
        count=answer.count,
        size=size,
        root=root,
        results=tuple(results),
        records=tuple(json.loads(receipt.record) for receipt in receipts),
    )


def _same_log(answer: VerifiedAnswer, trust: Trust) -> None:
    if answer.origin != trust.origin:
        raise AnswerRefused(
            "other-log", "答复指向另一日志", "the answer names another log than the trusted one"
        )


def _other_number() -> AnswerRefused:
    return AnswerRefused(
        "number-mismatch",
        "答复、结果与回执的条数或序号不一致",
        "answer, results and receipts differ in number or place",
    )
