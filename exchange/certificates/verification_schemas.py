"""What verifying takes and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from certstore.documents.check import PdfCheck
from certstore.key_binding import MAX_TEXT
from certstore.verdict import Part
from exchange.certificates.comparing import COMPARISONS, Comparison
from exchange.certificates.schemas import IDENTIFIER, Names
from exchange.certificates.verification import Verification

_Short = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class VerificationIn(BaseModel):
    """What is shown: the certificate itself, what its QR code says, or its identifier.

    With the identifier, facts may be compared: fields of its type, ``holder.id``,
    ``holder.name``. With a credential, ``audience`` and ``nonce`` are what whoever shows it was
    asked to prove possession for (RFC 9901 §7.3).
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"identifier": IDENTIFIER},
                {
                    "identifier": IDENTIFIER,
                    "facts": {
                        "name": "广州示例贸易有限公司",
                        "holder.id": "91440101000000001M",
                    },
                },
                {"qr": f"https://yici.example/v/{IDENTIFIER}"},
            ]
        },
    )

    credential: Annotated[str | None, Field(min_length=1, max_length=262_144)] = None
    identifier: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    qr: Annotated[str | None, Field(min_length=1, max_length=8192)] = None
    facts: Annotated[
        dict[
            Annotated[str, Field(max_length=100)],
            Annotated[str, Field(min_length=1, max_length=4000)],
        ]
        | None,
        Field(min_length=1, max_length=20),
    ] = None
    audience: _Short | None = None
    nonce: _Short | None = None
    max_age_seconds: Annotated[int, Field(ge=1, le=3600)] = 300

    @model_validator(mode="after")
    def _names_one(self) -> VerificationIn:
        if sum(each is not None for each in (self.credential, self.identifier, self.qr)) != 1:
            raise ValueError(
                "须且只须给出 credential、identifier 或 qr 之一"
                " / give exactly one of credential, identifier and qr"
            )
        if self.facts is not None and self.identifier is None:
            raise ValueError("facts 须与 identifier 同用 / facts go with identifier")
        if (self.audience is None) != (self.nonce is None):
            raise ValueError("audience 与 nonce 须同时给出 / give audience and nonce together")
        if self.nonce is not None and self.credential is None:
            raise ValueError("nonce 须与 credential 同用 / nonce goes with credential")
        return self


class PartOut(Names):
    """One part of a verdict."""

    outcome: Literal["valid", "invalid", "unknown"]
    code: str

    @classmethod
    def of(cls, part: Part | None) -> PartOut | None:
        """The answer's form of a part."""
        if part is None:
            return None
        return cls(outcome=part.outcome, code=part.code, zh=part.zh, en=part.en)


class ComparedOut(Names):
    """How one supplied fact compares; the certificate's own value is never given out."""

    outcome: Literal["same", "different", "absent", "not-compared", "unknown-field"]


class PdfOut(BaseModel):
    """What a PDF's seal says: its parts, whose it is, and when it was made."""

    integrity: PartOut
    issuer: PartOut
    time: PartOut
    sha256: str
    department: str | None
    sealed_at: str | None
    stamped_at: str | None
    certified: bool

    @classmethod
    def of(cls, check: PdfCheck | None) -> PdfOut | None:
        """The answer's form of a check."""
        if check is None:
            return None
        told = check.as_dict()
        return cls.model_validate({name: told[name] for name in cls.model_fields})


class VerificationOut(BaseModel):
    """A verdict in parts, never one bare boolean.

    ``kind`` says what was shown. ``found`` is null where a file was presented, else whether the
    identifier is known here; ``identifier_sound`` is false where its check character is wrong.
    ``holder_match`` says whether whoever shows it proved to be its holder, null where nobody
    asked. ``record`` says whether this very file is on the hub's record. ``disclosed`` is what
    the presented credential itself shows.
    """

    kind: Literal["credential", "pdf", "identifier"]
    found: bool | None
    identifier: str | None
    identifier_sound: bool | None
    integrity: PartOut | None
    issuer: PartOut | None
    status: PartOut | None
    validity: PartOut | None
    holder_match: PartOut | None
    record: PartOut | None
    disclosed: dict[str, Any] | None
    facts: dict[str, ComparedOut] | None
    pdf: PdfOut | None
    freshness: dict[str, str | None] | None

    @classmethod
    def of(cls, verification: Verification) -> VerificationOut:
        """The answer's form of a verification."""
        verdict, parts = verification.verdict, verification.parts
        disclosed = None
        if verdict is not None and verification.kind != "identifier":
            disclosed = {"holder": dict(verdict.holder), "fields": dict(verdict.fields)}
        return cls.model_validate(
            {
                "kind": verification.kind,
                "found": verification.found,
                "identifier": verification.identifier,
                "identifier_sound": verification.sound,
                **{
                    name: PartOut.of(parts.get(name))
                    for name in ("integrity", "issuer", "status", "validity", "holder_match")
                },
                "record": PartOut.of(verification.record),
                "disclosed": disclosed,
                "facts": _facts(verification.facts),
                "pdf": PdfOut.of(verification.pdf),
                "freshness": verdict.freshness.as_dict() if verdict is not None else None,
            }
        )


def _facts(facts: Mapping[str, Comparison] | None) -> dict[str, ComparedOut] | None:
    if facts is None:
        return None
    return {
        name: ComparedOut(outcome=outcome, zh=COMPARISONS[outcome][0], en=COMPARISONS[outcome][1])
        for name, outcome in facts.items()
    }
