"""What the presentations room takes and sends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from exchange.certificates.schemas import IDENTIFIER, Names
from exchange.governance.snapshot import Snapshot
from exchange.lookups.schemas import OperatorIn, Text
from exchange.presentations.codes import PREFIX, qr_svg
from exchange.presentations.records import Presentation, State
from exchange.presentations.service import LONGEST, Made

EXAMPLE_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "94Pu8QP5MIHW77lAEbvc655Q3xvf2LB6SdNsZ85UWGs",
    "y": "2GiEjdvIC41DPfe0a6w1HhIHFcZWdmUjVEOE-HFqTDI",
}
EXAMPLE_PROOF = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6Il9WaE4tNmhZN0Z2ZUR5bGhHRnRMel9ZUkpzN2U2ZGVad2VHSWxMWThGY0ki"
    "LCJ0eXAiOiJvcGVuaWQ0dmNpLXByb29mK2p3dCJ9.eyJhdWQiOiJodHRwOi8vaHViLnRlc3QiLCJpYXQiOjE3ODA"
    "yNzIwMDAsIm5vbmNlIjoiYm05dVkyVSJ9.NIc5XECATSpI7UioW6SImMj7cN6oJZoFnnCD8fS0JyPLNfE0hlLvGs"
    "Blx9zAkqbQYyGdvkvI_ZJqXcRl4z9aMA"
)
Identifier = Annotated[str, Field(min_length=1, max_length=300, examples=[IDENTIFIER])]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NonceOut(BaseModel):
    """What a proof of possession is made over: `aud` and `nonce`; one copy per nonce."""

    nonce: str
    audience: str
    expires_at: datetime


class BindIn(_In):
    """The public key (P-256 or Ed25519), and the proof that the applicant has its private part.

    The proof is a JWT with `typ: openid4vci-proof+jwt` and `aud`, `iat` and `nonce`
    (OpenID4VCI 1.0, appendix F.1).
    """

    jwk: Annotated[dict[str, Any], Field(min_length=2, max_length=20)]
    proof: Annotated[str, Field(min_length=1, max_length=4096)]


class PresentationIn(_In):
    """Which fields of which certificate to show, for how long, and to which department alone."""

    identifier: Identifier
    fields: Annotated[list[Text], Field(min_length=1, max_length=100)]
    seconds: Annotated[int, Field(ge=30, le=LONGEST)] = 300
    audience: Annotated[str, Field(pattern="^[0-9A-Z]{18}$")] | None = None

    @model_validator(mode="after")
    def _names_each_field_once(self) -> Self:
        if len(set(self.fields)) < len(self.fields):
            raise ValueError("每个字段只能列一次 / each field may be named once")
        return self


class PresentationOut(BaseModel):
    """A showing by one-time code. ``lookup``, ``used_by``: by which lookup of whom it was used."""

    presentation: UUID
    identifier: str
    certificate_type: str
    certificate_type_name: Names | None
    fields: list[str]
    audience: str | None
    audience_name: Names | None
    state: Literal["open", "used", "withdrawn", "expired"]
    made_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    lookup: UUID | None
    used_by: str | None
    used_by_name: Names | None

    @classmethod
    def of(cls, shown: Presentation, now: datetime, snapshot: Snapshot) -> Self:
        """The answer's form of a showing as it stands now."""
        return cls(**_members(shown, now, snapshot))


class MadeOut(PresentationOut):
    """A showing just made, with its code: told this once, and never again.

    ``text`` is what the QR code says, ``svg`` the QR code itself. A counter's scanner sends
    either on as it read it.
    """

    code: str
    text: str
    svg: str

    @classmethod
    def of_made(cls, made: Made, now: datetime, snapshot: Snapshot) -> MadeOut:
        """The answer's form of a showing with its code."""
        return cls(
            **_members(made.presentation, now, snapshot),
            code=made.code,
            text=PREFIX + made.code,
            svg=qr_svg(made.code),
        )


class PresentationsOut(BaseModel):
    """Showings, newest first; ``next`` is the ``before`` of the next page, if there may be one."""

    presentations: list[PresentationOut]
    next: UUID | None = None


class RedeemIn(_In):
    """A scanned code, what it is used for, and who scanned it."""

    code: Annotated[str, Field(min_length=1, max_length=200)]
    item: Text
    case: Text
    operator: OperatorIn


def _members(shown: Presentation, now: datetime, snapshot: Snapshot) -> dict[str, Any]:
    state: State = shown.state(now)
    kind = snapshot.types.get(shown.certificate_type)
    return {
        "presentation": shown.id,
        "identifier": shown.identifier,
        "certificate_type": shown.certificate_type,
        "certificate_type_name": Names(zh=kind.title.zh, en=kind.title.en) if kind else None,
        "fields": sorted(shown.fields),
        "audience": shown.audience,
        "audience_name": _department(shown.audience, snapshot),
        "state": state,
        "made_at": shown.made_at,
        "expires_at": shown.expires_at,
        "ended_at": shown.ended_at,
        "lookup": shown.lookup,
        "used_by": shown.used_by,
        "used_by_name": _department(shown.used_by, snapshot),
    }


def _department(code: str | None, snapshot: Snapshot) -> Names | None:
    found = snapshot.departments.get(code) if code else None
    return Names(zh=found.name_zh, en=found.name_en) if found else None
