"""What the certificates room takes and sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from certstore.masking import mask
from certstore.status import OPERATIONS, State
from certstore.types import CertificateType
from exchange.certificates.records import Certificate, Event
from exchange.certificates.service import Standing
from exchange.certificates.verification import COMPARISONS, Verification

IDENTIFIER = "1.2.156.3005.2.11440000MB2D01234C001.11440000MB2D01234C.91440101000000001M.001.1"
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class Names(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class CodeOut(Names):
    """A code of the standard with its names."""

    code: str


class ActIn(BaseModel):
    """Why, and on which legal ground, an issuer acts on its certificate."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"reason": "年检未通过", "legal_ground": "市场主体登记管理条例 第四十六条"}
            ]
        },
    )

    reason: Words
    legal_ground: Words


class RevocationIn(ActIn):
    """As for every act, and the state it leads to: 03 撤销, 04 注销 or 07 吊销."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "reason": "提交虚假材料取得登记",
                    "legal_ground": "市场主体登记管理条例 第四十条",
                    "state": "07",
                }
            ]
        },
    )

    state: Literal["03", "04", "07"] = "07"


class EventOut(BaseModel):
    """One thing that happened to a certificate."""

    sequence: int
    version: int
    operation: CodeOut
    state: CodeOut
    effective_at: datetime
    reason: str
    legal_ground: str | None
    recorded_at: datetime
    recorded_by: str

    @classmethod
    def of(cls, event: Event) -> EventOut:
        """The answer's form of an event."""
        zh, en = OPERATIONS[event.operation]
        return cls(
            sequence=event.sequence,
            version=event.version,
            operation=CodeOut(code=event.operation, zh=zh, en=en),
            state=state_out(State.from_code(event.state)),
            effective_at=event.effective_at,
            reason=event.reason,
            legal_ground=event.legal_ground,
            recorded_at=event.recorded_at,
            recorded_by=event.recorded_by,
        )


class VersionOut(BaseModel):
    """One version of a certificate."""

    identifier: str
    version: int
    valid_from: date | None
    valid_until: date | None
    issued_at: datetime


class StandingOut(BaseModel):
    """A certificate as its issuer sees it: without fields, the holder masked."""

    identifier: str
    type: str
    version: int
    state: CodeOut
    holder_id_type: str
    holder_masked: str
    issued_on: date
    valid_from: date | None
    valid_until: date | None
    versions: list[VersionOut]
    history: list[EventOut]

    @classmethod
    def of(cls, standing: Standing) -> StandingOut:
        """The answer's form of a certificate and its history."""
        certificate = standing.certificate
        return cls(
            identifier=certificate.identifier,
            type=certificate.type_key,
            version=certificate.version,
            state=state_out(standing.state),
            holder_id_type=certificate.holder_id_type,
            holder_masked=str(mask(certificate.holder_name, "first1last1")),
            issued_on=certificate.issued_on,
            valid_from=certificate.valid_from,
            valid_until=certificate.valid_until,
            versions=[_version(each) for each in standing.versions],
            history=[EventOut.of(each) for each in standing.events],
        )


class OwnCertificateOut(BaseModel):
    """A certificate as its holder sees it, whole."""

    identifier: str
    type: str
    title: Names
    version: int
    state: CodeOut
    issuer: str
    holder_name: str
    fields: dict[str, Any]
    issued_on: date
    valid_from: date | None
    valid_until: date | None

    @classmethod
    def of(
        cls, certificate: Certificate, state: State, types: Mapping[str, CertificateType]
    ) -> OwnCertificateOut:
        """The answer's form of one's own certificate."""
        kind = types.get(certificate.type_key)
        key = certificate.type_key
        return cls(
            identifier=certificate.identifier,
            type=key,
            title=Names(zh=kind.title.zh, en=kind.title.en) if kind else Names(zh=key, en=key),
            version=certificate.version,
            state=state_out(state),
            issuer=certificate.issuer,
            holder_name=certificate.holder_name,
            fields=dict(certificate.fields),
            issued_on=certificate.issued_on,
            valid_from=certificate.valid_from,
            valid_until=certificate.valid_until,
        )


class OwnCertificatesOut(BaseModel):
    """The newest version of each of the applicant's certificates."""

    certificates: list[OwnCertificateOut]

    @classmethod
    def of(
        cls,
        held: Sequence[tuple[Certificate, State]],
        types: Mapping[str, CertificateType],
    ) -> OwnCertificatesOut:
        """The answer's form of all of them."""
        return cls(certificates=[OwnCertificateOut.of(*each, types) for each in held])


class VerificationIn(BaseModel):
    """Either the certificate itself, or its identifier, with facts to compare or without."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"identifier": IDENTIFIER},
                {"identifier": IDENTIFIER, "facts": {"name": "广州示例贸易有限公司"}},
            ]
        },
    )

    credential: Annotated[str | None, Field(min_length=1, max_length=262_144)] = None
    identifier: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    facts: Annotated[
        dict[
            Annotated[str, Field(max_length=100)],
            Annotated[str, Field(min_length=1, max_length=4000)],
        ]
        | None,
        Field(min_length=1, max_length=20),
    ] = None

    @model_validator(mode="after")
    def _names_one(self) -> VerificationIn:
        if (self.credential is None) == (self.identifier is None):
            raise ValueError(
                "须且只须给出 credential 或 identifier 之一"
                " / give exactly one of credential and identifier"
            )
        if self.facts is not None and self.identifier is None:
            raise ValueError("facts 须与 identifier 同用 / facts go with identifier")
        return self


class PartOut(Names):
    """One part of a verdict."""

    outcome: Literal["valid", "invalid", "unknown"]
    code: str


class ComparedOut(Names):
    """How one supplied fact compares; the certificate's own value is never given out."""

    outcome: Literal["same", "different", "absent", "not-compared", "unknown-field"]


class VerificationOut(BaseModel):
    """A verdict in parts, never one bare boolean.

    ``found`` is null where a credential was presented, else whether the identifier is known here.
    ``disclosed`` is what the presented credential itself shows.
    """

    found: bool | None
    identifier: str | None
    integrity: PartOut | None
    issuer: PartOut | None
    status: PartOut | None
    validity: PartOut | None
    disclosed: dict[str, Any] | None
    facts: dict[str, ComparedOut] | None
    freshness: dict[str, str | None] | None

    @classmethod
    def of(cls, verification: Verification, *, asked: str | None) -> VerificationOut:
        """The answer's form of a verification; ``asked`` is the identifier asked for."""
        verdict, facts = verification.verdict, verification.facts
        parts: dict[str, PartOut] = {}
        if verdict is not None:
            parts = {
                name: PartOut(outcome=part.outcome, code=part.code, zh=part.zh, en=part.en)
                for name, part in verdict.parts.items()
            }
        disclosed = None
        if verdict is not None and verification.found is None:
            disclosed = {"holder": dict(verdict.holder), "fields": dict(verdict.fields)}
        return cls(
            found=verification.found,
            identifier=asked or (verdict.identifier if verdict is not None else None),
            integrity=parts.get("integrity"),
            issuer=parts.get("issuer"),
            status=parts.get("status"),
            validity=parts.get("validity"),
            disclosed=disclosed,
            facts=None
            if facts is None
            else {
                name: ComparedOut(
                    outcome=outcome, zh=COMPARISONS[outcome][0], en=COMPARISONS[outcome][1]
                )
                for name, outcome in facts.items()
            },
            freshness=verdict.freshness.as_dict() if verdict is not None else None,
        )


class TrustOut(BaseModel):
    """Whom to trust: issuers, the hub and its log, as of a moment."""

    as_of: datetime
    issuers: list[dict[str, Any]]
    hub: dict[str, Any]
    log: dict[str, str]


def state_out(state: State) -> CodeOut:
    """The answer's form of a state."""
    return CodeOut(code=state.code, zh=state.zh, en=state.en)


def _version(certificate: Certificate) -> VersionOut:
    return VersionOut(
        identifier=certificate.identifier,
        version=certificate.version,
        valid_from=certificate.valid_from,
        valid_until=certificate.valid_until,
        issued_at=certificate.issued_at,
    )
