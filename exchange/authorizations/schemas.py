"""What the authorizations room takes and sends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from exchange.authorizations.records import MOST_DAYS, MOST_USES
from exchange.authorizations.service import Told
from exchange.items.schemas import Names

Uses = Annotated[int, Field(ge=1, le=MOST_USES, strict=True, examples=[1])]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS, strict=True, examples=[30])]
FieldNames = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=100)
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AskedIn(_In):
    """What is asked for one material. Without ``way`` and ``fields``, what the item lists."""

    material: Annotated[str, Field(min_length=1, max_length=100, examples=["business-licence"])]
    uses: Uses = 1
    days: Days = 30
    basis: Literal["holder", "entrusted"] = "holder"
    way: Literal["certificate", "document"] | None = None
    fields: FieldNames | None = None


class RequestIn(_In):
    """Authorizations to be asked for in one case."""

    case: UUID
    requests: Annotated[list[AskedIn], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _names_each_material_once(self) -> RequestIn:
        if len({each.material for each in self.requests}) < len(self.requests):
            raise ValueError("每项材料只能列一次 / each material may be named once")
        return self


class GrantIn(_In):
    """How far the holder agrees; what is left out stays as it was asked."""

    fields: FieldNames | None = None
    uses: Uses | None = None
    days: Days | None = None


class AuthorizationOut(BaseModel):
    """An authorization.

    ``state`` is what was decided, ``standing`` how it stands now: ``valid``, or why it is not in
    force (``not-granted``, ``refused``, ``withdrawn``, ``not-yet``, ``expired``, ``used-up``).
    ``artefact`` is the signed grant (compact JWS, ``typ: yici-authorization+jwt``).
    """

    authorization: UUID
    case: UUID
    case_number: str
    department: str
    department_name: Names
    item: str
    item_name: Names
    material: str
    subject: Names
    certificate_type: str | None
    document_kind: str | None
    fields: dict[str, Names]
    basis: Literal["holder", "entrusted"]
    uses: int
    uses_taken: int
    days: int
    state: Literal["requested", "granted", "refused", "withdrawn"]
    standing: str
    requested_at: datetime
    decided_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    sentence: Names
    artefact: str | None

    @classmethod
    def of(cls, told: Told) -> AuthorizationOut:
        """The answer's form of an authorization."""
        about, words = told.authorization, told.request
        sentence = words.question if about.state == "requested" else words.consent
        return cls.model_validate(
            {
                "authorization": about.id,
                "case": about.case_id,
                "case_number": about.case_number,
                "department": about.department,
                "department_name": Names(zh=words.department.zh, en=words.department.en),
                "item": about.item,
                "item_name": Names(zh=words.item.zh, en=words.item.en),
                "material": about.material,
                "subject": Names(zh=words.subject.zh, en=words.subject.en),
                "certificate_type": about.certificate_type,
                "document_kind": about.material_kind,
                "fields": {
                    name: Names(zh=title.zh, en=title.en) for name, title in words.fields.items()
                },
                "basis": about.basis,
                "uses": about.uses_max,
                "uses_taken": about.uses_taken,
                "days": about.valid_days,
                "state": about.state,
                "standing": told.standing,
                "requested_at": about.requested_at,
                "decided_at": about.decided_at,
                "valid_from": about.valid_from,
                "valid_until": about.valid_until,
                "sentence": Names(zh=sentence.zh, en=sentence.en),
                "artefact": about.artefact,
            }
        )


class AuthorizationsOut(BaseModel):
    """Authorizations; ``next`` is the ``before`` of the next page, if there may be one."""

    authorizations: list[AuthorizationOut]
    next: UUID | None = None
