"""What issuers send to issue certificates and to act on them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier
from certstore.life_cycle import CHANGE, RENEW
from exchange.certificates.drafts import Draft
from exchange.certificates.transitions import Wanted

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
RequestName = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-Za-z._:-]{1,100}$",
        description="The caller's own name for this request; the same again changes nothing more",
    ),
]
ReasonCode = Literal[
    "holder-request", "obtained-unlawfully", "granted-wrongly", "violation", "conditions-gone",
    "holder-ended", "facts-changed", "correction", "rectified", "moved", "other",
]  # fmt: skip
EffectiveOn = Annotated[
    date | None,
    Field(
        description="The day (UTC+8) from whose beginning it counts, by default at once; may lie"
        " up to ten years ahead, or back to the version's issue"
    ),
]
_WHY: dict[str, Any] = {"reason": "年检未通过", "legal_ground": "市场主体登记管理条例 第四十六条"}
_DRAFT: dict[str, Any] = {
    "request": "2026-0001",
    "holder": {"id_type": "001", "id": "91440101000000001M", "name": "广州示例贸易有限公司"},
    "fields": {
        "name": "广州示例贸易有限公司",
        "credit_code": "91440101000000001M",
        "region": "广州",
        "registered_on": "2020-01-15",
    },
    "validity": {"valid_from": "2020-01-15"},
}


class ActIn(BaseModel):
    """Why, on which legal ground, and from when an issuer acts on its certificate."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [_WHY, {**_WHY, "reason_code": "violation", "effective_on": "2026-08-01"}]
        },
    )

    reason: Words
    legal_ground: Words
    reason_code: ReasonCode = "other"
    effective_on: EffectiveOn = None
    request: RequestName | None = None

    def wanted(self, operation: str) -> Wanted:
        """What is to happen."""
        return Wanted(
            operation, self.reason, self.legal_ground, self.reason_code, self.effective_on
        )


class RevocationIn(ActIn):
    """As for every act, and the state it leads to: 03 撤销, 04 注销, 05 失效 or 07 吊销."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "reason": "提交虚假材料取得登记",
                    "legal_ground": "市场主体登记管理条例 第四十条",
                    "reason_code": "obtained-unlawfully",
                    "state": "03",
                }
            ]
        },
    )

    state: Literal["03", "04", "05", "07"] = "07"


class CallingOffIn(BaseModel):
    """Why a planned event is called off."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"reason": "已在限期内整改", "legal_ground": "市场主体登记管理条例 第四十六条"}
            ]
        },
    )

    reason: Words
    legal_ground: Words
    reason_code: ReasonCode = "rectified"
    request: RequestName | None = None


class HolderIn(BaseModel):
    """Whom a certificate is about."""

    model_config = ConfigDict(extra="forbid")

    id_type: Annotated[str, Field(min_length=1, max_length=40)]
    id: Annotated[str, Field(min_length=1, max_length=100)]
    name: Annotated[str, Field(min_length=1, max_length=200)]


class ValidityIn(BaseModel):
    """First and last day of validity; without a last day it has no end."""

    model_config = ConfigDict(extra="forbid")

    valid_from: date
    valid_until: date | None = None


class DraftIn(BaseModel):
    """What goes into a version of a certificate."""

    request: RequestName
    holder: HolderIn
    fields: Annotated[dict[Annotated[str, Field(max_length=100)], Any], Field(max_length=100)]
    validity: ValidityIn
    effective_on: EffectiveOn = None
    reason: Words = "依申请 · On application"
    reason_code: ReasonCode = "holder-request"
    legal_ground: Words | None = None

    def draft(self, transferred_from: CertificateIdentifier | None = None) -> Draft:
        """The version that is wanted."""
        return Draft(
            request=self.request,
            holder=Holder(self.holder.id_type, self.holder.id, self.holder.name),
            fields=self.fields,
            valid_from=self.validity.valid_from,
            valid_until=self.validity.valid_until,
            effective_on=self.effective_on,
            reason=self.reason,
            reason_code=self.reason_code,
            legal_ground=self.legal_ground,
            transferred_from=transferred_from,
        )


class IssueIn(DraftIn):
    """A certificate to be issued; without a serial it is given one.

    ``transferred_from`` takes over (转入) what another body transferred out.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{**_DRAFT, "type": "business-licence", "serial": "91440101000000001M"}]
        },
    )

    type: Annotated[str, Field(min_length=1, max_length=100)]
    serial: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    transferred_from: Annotated[str | None, Field(min_length=1, max_length=300)] = None


class VersionIn(DraftIn):
    """The next version of a certificate: 延续 for another term, 变更 of what stands in it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    **_DRAFT,
                    "request": "2026-0002",
                    "operation": "change",
                    "fields": {**_DRAFT["fields"], "region": "深圳"},
                    "reason": "住所变更",
                    "reason_code": "facts-changed",
                    "legal_ground": "市场主体登记管理条例 第二十四条",
                }
            ]
        },
    )

    operation: Literal["renewal", "change"]

    @property
    def operation_code(self) -> str:
        """The operation's code."""
        return RENEW if self.operation == "renewal" else CHANGE
