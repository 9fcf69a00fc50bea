"""What a lookup asks and what it answers, as the interface documents it.

Purpose, basis and operator are optional *in form*: a lookup without them is no malformed
request but a refused one, and the refusal stands in the log with its reason.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=_PRINTABLE)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class HolderIn(_In):
    """Who holds the certificate: id type (GA/T 517 number, or a local type) and id."""

    id_type: Annotated[
        str, Field(min_length=1, max_length=40, pattern=_PRINTABLE, examples=["001"])
    ]
    id: Annotated[
        str,
        Field(min_length=1, max_length=100, pattern=_PRINTABLE, examples=["91440101191193940U"]),
    ]


class PurposeIn(_In):
    """What for: the service item's implementation code and the caller's own case number."""

    item: Text | None = None
    case: Text | None = None


class BasisIn(_In):
    """By what right: ``holder`` 持证人用证, ``entrusted`` 委托授权, ``statutory`` 依职能查验."""

    kind: (
        Annotated[str, Field(min_length=1, max_length=40, pattern=_PRINTABLE, examples=["holder"])]
        | None
    ) = None
    authorization: Annotated[UUID, Field(strict=False)] | None = None


class OperatorIn(_In):
    """Who sits at the asking system: account, name and unit. The log keeps account and unit."""

    account: Text
    name: Text
    unit: Text


class LookupIn(_In):
    """One lookup: a certificate type, a holder or a certificate's identifier, and the fields."""

    certificate_type: Annotated[Text, Field(examples=["business-licence"])]
    holder: HolderIn | None = None
    identifier: Annotated[str, Field(min_length=20, max_length=200, pattern=_PRINTABLE)] | None = (
        None
    )
    fields: Annotated[list[Text], Field(min_length=1, max_length=100)]
    purpose: PurposeIn | None = None
    basis: BasisIn | None = None
    operator: OperatorIn | None = None

    @model_validator(mode="after")
    def _names_whom_or_which(self) -> LookupIn:
        if self.holder is None and self.identifier is None:
            raise ValueError(
                "须给出 holder 或 identifier / give `holder`, or the certificate's `identifier`"
            )
        return self


class BatchIn(_In):
    """Up to 500 lookups, answered with one signature and a log record each."""

    lookups: Annotated[list[LookupIn], Field(min_length=1, max_length=500)]
    receipts: Annotated[
        bool, Field(description="also return each record's receipt (they are large)")
    ] = False


class CertificateOut(BaseModel):
    """One certificate, with the fields asked for and no other."""

    identifier: str
    type: str
    type_version: int
    version: int
    state: str
    state_code: str
    valid_from: str | None
    valid_until: str | None
    fields: dict[str, str | int | bool | None]
    masked: list[str]


class LookupOut(BaseModel):
    """An answered lookup. "No such record" is an answer: ``found`` is false."""

    lookup: UUID
    found: bool
    certificates: list[CertificateOut]
    answer: Annotated[str, Field(description="compact JWS, see docs/api.md")]
    receipt: Annotated[str, Field(description="C2SP tlog-proof carrying the record")]


class ReasonOut(BaseModel):
    """Why a lookup was refused: the rule and a sentence in each language."""

    rule: str
    zh: str
    en: str


class BatchedLookupOut(BaseModel):
    """One lookup of a batch: answered or refused."""

    lookup: UUID
    index: int
    outcome: Literal["released", "not-found", "refused"]
    found: bool | None = None
    certificates: list[CertificateOut] | None = None
    reasons: list[ReasonOut] | None = None


class BatchOut(BaseModel):
    """The lookups in the order asked, one answer over all of them, the signed head of the log."""

    lookups: list[BatchedLookupOut]
    answer: str
    checkpoint: str
    receipts: list[str] | None = None
