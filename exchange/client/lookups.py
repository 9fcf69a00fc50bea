"""What a lookup asks and what it gives, as an approval system handles it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from certstore.errors import CertstoreError
from exchange.audit.errors import AuditError
from exchange.client.evidence import Evidence, Proven, Trust, prove
from exchange.client.problems import Reason, YiciUnproven
from exchange.lookups.answers import AnswerRefused

Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a certificate: an id type (GA/T 517 number or a local one) and the id."""

    id_type: str
    id: str = field(repr=False)

    def as_dict(self) -> dict[str, str]:
        """As the interface wants it."""
        return {"id_type": self.id_type, "id": self.id}


@dataclass(frozen=True, slots=True)
class Operator:
    """Who sits at the asking system."""

    account: str
    name: str
    unit: str

    def as_dict(self) -> dict[str, str]:
        """As the interface wants it."""
        return {"account": self.account, "name": self.name, "unit": self.unit}


@dataclass(frozen=True, slots=True)
class Lookup:
    """One lookup: which certificate, which fields, what for, by what right, and who asks.

    Name a ``holder`` or a certificate's ``identifier``. ``basis`` is holder, entrusted or
    statutory; the first two need an ``authorization``. What is missing is not held back here:
    the hub refuses it, and the refusal stands in its log.
    """

    certificate_type: str
    fields: Sequence[str]
    holder: Holder | None = None
    identifier: str | None = None
    item: str | None = None
    case: str | None = None
    basis: str | None = None
    authorization: UUID | None = None
    operator: Operator | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the interface wants it; what is absent is left out."""
        purpose = _present(item=self.item, case=self.case)
        authorization = str(self.authorization) if self.authorization else None
        return _present(
            certificate_type=self.certificate_type,
            holder=self.holder.as_dict() if self.holder else None,
            identifier=self.identifier,
            fields=list(self.fields),
            purpose=purpose or None,
            basis=_present(kind=self.basis, authorization=authorization) or None,
            operator=self.operator.as_dict() if self.operator else None,
        )


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate as it was released: the fields asked for and no other.

    ``type_version`` is the version of its type that it was issued under; a field that only a later
    one has is None.
    """

    identifier: str
    type: str
    type_version: int
    version: int
    state: str
    state_code: str
    valid_from: date | None
    valid_until: date | None
    fields: Mapping[str, Any]
    masked: tuple[str, ...]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Certificate:
        """Read one of a lookup's ``certificates``."""
        return cls(
            identifier=value["identifier"],
            type=value["type"],
            type_version=value["type_version"],
            version=value["version"],
            state=value["state"],
            state_code=value["state_code"],
            valid_from=_day(value["valid_from"]),
            valid_until=_day(value["valid_until"]),
            fields=dict(value["fields"]),
            masked=tuple(value["masked"]),
        )


@dataclass(frozen=True, slots=True)
class LookupResult:
    """An answered lookup whose answer and receipt were verified before it was made.

    ``index`` is its record's place in the log, ``record`` the record itself.
    """

    lookup: UUID
    found: bool
    certificates: tuple[Certificate, ...]
    index: int
    issued_at: datetime
    record: Mapping[str, Any]
    proof: Evidence = field(repr=False)

    def evidence(self) -> dict[str, Any]:
        """What proves this offline, as a JSON object: request, response and audience."""
        return self.proof.as_dict()


@dataclass(frozen=True, slots=True)
class BatchedLookup:
    """One lookup of a batch: released, not found, or refused with its reasons."""

    lookup: UUID
    outcome: str
    index: int
    certificates: tuple[Certificate, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The lookups of one batch in the order asked, under one verified answer."""

    lookups: tuple[BatchedLookup, ...]
    issued_at: datetime
    proof: Evidence = field(repr=False)

    def evidence(self) -> dict[str, Any]:
        """What proves the batch offline, as a JSON object."""
        return self.proof.as_dict()


def verified(evidence: Evidence, trust: Trust) -> Proven:
    """Prove what just came.

    Raises:
        YiciUnproven: the answer or its receipt does not hold; nothing in it may be used.
    """
    try:
        return prove(evidence, trust)
    except (AnswerRefused, CertstoreError, AuditError) as refused:
        raise YiciUnproven(refused.code, refused.zh, refused.en) from None


def result_of_lookup(evidence: Evidence, trust: Trust) -> LookupResult:
    """The verified result of a single lookup. Raises YiciUnproven."""
    proven = verified(evidence, trust)
    return _shaped(lambda: _lookup(evidence, proven))


def result_of_batch(evidence: Evidence, trust: Trust) -> BatchResult:
    """The verified results of a batch. Raises YiciUnproven."""
    proven = verified(evidence, trust)
    return _shaped(lambda: _batch(evidence, proven))


def _shaped(read: Callable[[], Shape]) -> Shape:
    """Read what was proven to be the hub's word; it may still be another version's."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise YiciUnproven(
            "not-understood",
            "结果确由枢纽签名，但不符合接口定义",
            "the hub did sign the result, but it is not what the interface promises",
        ) from None


def _lookup(evidence: Evidence, proven: Proven) -> LookupResult:
    response = evidence.response
    return LookupResult(
        lookup=UUID(response["lookup"]),
        found=response["found"],
        certificates=tuple(Certificate.of(each) for each in response["certificates"]),
        index=proven.index,
        issued_at=proven.issued_at,
        record=proven.records[0],
        proof=evidence,
    )


def _batch(evidence: Evidence, proven: Proven) -> BatchResult:
    lookups = tuple(
        BatchedLookup(
            lookup=UUID(each["lookup"]),
            outcome=each["outcome"],
            index=each["index"],
            certificates=tuple(Certificate.of(one) for one in each.get("certificates") or ()),
            reasons=tuple(
                Reason(one["rule"], one["zh"], one["en"]) for one in each.get("reasons") or ()
            ),
        )
        for each in evidence.response["lookups"]
    )
    return BatchResult(lookups, proven.issued_at, evidence)


def encode(value: Mapping[str, Any]) -> bytes:
    """A request body. These exact bytes are what the answer is bound to."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
