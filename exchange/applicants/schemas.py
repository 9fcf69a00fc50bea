"""What the applicant's own door sends."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from certstore.masking import mask
from exchange.applicants.records import Seen
from exchange.cases.schemas import CaseOut, DocumentOut
from exchange.governance.snapshot import Snapshot
from exchange.items.schemas import Names
from exchange.tokens.repository import Applicant


class MeOut(BaseModel):
    """Who is signed in. The id shows its first and last character only."""

    account: str
    name: str
    id_type: str
    id_masked: str

    @classmethod
    def of(cls, applicant: Applicant) -> MeOut:
        """The answer's form of an applicant."""
        return cls(
            account=applicant.account,
            name=applicant.holder_name,
            id_type=applicant.holder_id_type,
            id_masked=str(mask(applicant.holder_id, "first1last1")),
        )


class UploadOut(BaseModel):
    """A document as it stands in a case; ``new`` is false where it stood there already."""

    new: bool
    document: DocumentOut
    case: CaseOut


class DocumentsOut(BaseModel):
    """Documents, newest first; ``next`` is the ``before`` of the next page, if there may be one."""

    documents: list[DocumentOut]
    next: UUID | None = None


class SeenOut(BaseModel):
    """One use of one's data: who, from which unit, for which case, when, on which basis, what.

    ``index`` is the record's place in the log.
    """

    index: int
    at: datetime
    kind: str
    outcome: str
    reason: str | None
    department: str
    department_name: Names | None
    system: str | None
    unit: str | None
    item: str | None
    item_name: Names | None
    case_number: str | None
    basis: str | None
    authorization: str | None
    certificate_type: str | None
    certificate_type_name: Names | None
    material: str | None
    fields: list[str]
    masked: list[str]

    @classmethod
    def of(cls, seen: Seen, snapshot: Snapshot) -> SeenOut:
        """The answer's form of a record."""
        record = seen.record
        department = snapshot.departments.get(record["department"])
        item = snapshot.items.get(record.get("item", ""))
        kind = snapshot.types.get(record.get("type", ""))
        operator: dict[str, Any] = record.get("operator", {})
        return cls(
            index=seen.index,
            at=record["at"],
            kind=record["kind"],
            outcome=record["outcome"],
            reason=record.get("reason"),
            department=record["department"],
            department_name=(
                Names(zh=department.name_zh, en=department.name_en) if department else None
            ),
            system=record.get("system"),
            unit=operator.get("unit"),
            item=record.get("item"),
            item_name=Names(zh=item.name_zh, en=item.name_en) if item else None,
            case_number=record.get("case"),
            basis=record.get("basis"),
            authorization=record.get("authorization"),
            certificate_type=record.get("type"),
            certificate_type_name=Names(zh=kind.title.zh, en=kind.title.en) if kind else None,
            material=record.get("material"),
            fields=list(record.get("fields", ())),
            masked=list(record.get("masked", ())),
        )


class LookupsOut(BaseModel):
    """Uses of one's data; ``next`` is the ``before`` of the next page, if there may be one."""

    lookups: list[SeenOut]
    next: int | None = None
