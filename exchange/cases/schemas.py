"""What the cases room takes and sends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from exchange.cases.records import CaseFile, Document, Entry, Saving
from exchange.items.definitions import Item
from exchange.items.schemas import Names, WayOut

Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
CaseNumber = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="the department's own number of the case; no personal data",
        examples=["SLZX-2026-000123"],
    ),
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HolderIn(_In):
    """Whom the case is about: id type (GA/T 517 number, or a local type) and id."""

    id_type: Annotated[str, Field(min_length=1, max_length=40, examples=["001"])]
    id: Annotated[str, Field(min_length=1, max_length=100, examples=["91440101191193940U"])]


class OperatorIn(_In):
    """Who sits at the counter: account, name and unit. The log keeps account and unit."""

    account: Annotated[Text, Field(examples=["win-03"])]
    name: Annotated[Text, Field(examples=["李四"])]
    unit: Annotated[Text, Field(examples=["综合窗口"])]


class CaseIn(_In):
    """A case to be opened."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "item": "11440000MB2F03456K2000131019000",
                    "case_number": "SLZX-2026-000123",
                    "holder": {"id_type": "001", "id": "91440101191193940U"},
                    "operator": {"account": "win-03", "name": "李四", "unit": "综合窗口"},
                }
            ]
        }
    )

    item: Annotated[
        str, Field(min_length=1, max_length=40, examples=["11440000MB2F03456K2000131019000"])
    ]
    case_number: CaseNumber
    holder: HolderIn
    operator: OperatorIn


class CertificateGivenIn(_In):
    """A material given by a certificate that a lookup released for this case."""

    how: Literal["certificate"]
    lookup: UUID


class SharedGivenIn(_In):
    """A material given by a document of an earlier case, under the holder's authorization."""

    how: Literal["shared"]
    material: Annotated[UUID, Field(description="the document, as the checklist names it")]
    authorization: UUID


GivenIn = Annotated[CertificateGivenIn | SharedGivenIn, Field(discriminator="how")]


class MaterialStateOut(BaseModel):
    """One line of the checklist.

    ``state``: ``given`` stands in the case; ``held`` the library has the certificate and it may
    be looked up now on ``basis``; ``reusable`` a document given earlier may be used now;
    ``needs-authorization`` one of these is there, the holder's authorization is not (``asked``
    names the request that waits); ``to-be-given`` the applicant has to give it.
    """

    material: str
    name: Names
    state: Literal["given", "held", "reusable", "needs-authorization", "to-be-given"]
    how: Literal["certificate", "shared", "upload"] | None
    given_at: datetime | None
    lookup: UUID | None
    document: UUID | None
    certificate_type: str | None
    document_kind: str | None
    basis: str | None
    authorization: UUID | None
    asked: UUID | None
    fields: list[str]
    ways: list[WayOut]

    @classmethod
    def of(cls, entry: Entry, item: Item) -> MaterialStateOut:
        """The answer's form of a line."""
        material = next(each for each in item.materials if each.code == entry.material)
        return cls(
            material=material.code,
            name=Names(zh=material.name_zh, en=material.name_en),
            state=entry.state,
            how=entry.how,
            given_at=entry.given_at,
            lookup=entry.lookup,
            document=entry.document,
            certificate_type=entry.certificate_type,
            document_kind=entry.material_kind,
            basis=entry.basis,
            authorization=entry.authorization,
            asked=entry.asked,
            fields=sorted(entry.fields),
            ways=[
                WayOut(
                    certificate=way.certificate_type,
                    fields=sorted(way.fields),
                    document=way.material_kind,
                )
                for way in material.ways
            ],
        )


class CaseItemOut(BaseModel):
    """The version of the service item that a case was opened for."""

    code: str
    version: int
    name: Names


class CaseOut(BaseModel):
    """A case (办件) with its checklist, computed afresh."""

    case: UUID
    case_number: str
    department: str
    item: CaseItemOut
    state: Literal["open", "complete"]
    opened_at: datetime
    completed_at: datetime | None
    materials: list[MaterialStateOut]

    @classmethod
    def of(cls, file: CaseFile) -> CaseOut:
        """The answer's form of a case."""
        case, item = file.case, file.item
        return cls(
            case=case.id,
            case_number=case.case_number,
            department=case.department,
            item=CaseItemOut(
                code=item.code, version=item.version, name=Names(zh=item.name_zh, en=item.name_en)
            ),
            state="complete" if case.state == "complete" else "open",
            opened_at=case.opened_at,
            completed_at=case.completed_at,
            materials=[MaterialStateOut.of(entry, item) for entry in file.checklist],
        )


class CasesOut(BaseModel):
    """Cases, newest first; ``next`` is the ``before`` of the next page, if there may be one."""

    cases: list[CaseOut]
    next: UUID | None = None


class DocumentOut(BaseModel):
    """A document that was given once."""

    document: UUID
    kind: str
    sha256: str
    size: int
    media_type: str
    file_name: str
    given_at: datetime

    @classmethod
    def of(cls, document: Document) -> DocumentOut:
        """The answer's form of a document."""
        return cls(
            document=document.id,
            kind=document.kind,
            sha256=document.sha256,
            size=document.size,
            media_type=document.media_type,
            file_name=document.file_name,
            given_at=document.given_at,
        )


class SavingOut(BaseModel):
    """How the materials of one item were got; ``saved`` submissions nobody had to make."""

    item: str
    uploads: int
    certificates: int
    shared: int
    saved: int

    @classmethod
    def of(cls, saving: Saving) -> SavingOut:
        """The answer's form of a saving."""
        return cls(
            item=saving.item,
            uploads=saving.uploads,
            certificates=saving.certificates,
            shared=saving.shared,
            saved=saving.saved,
        )


class SavingsOut(BaseModel):
    """Submissions made and saved in one department's cases."""

    department: str
    items: list[SavingOut]
    uploads: int
    certificates: int
    shared: int
    saved: int

    @classmethod
    def of(cls, department: str, savings: list[Saving]) -> SavingsOut:
        """The answer's form of all savings of a department."""
        return cls(
            department=department,
            items=[SavingOut.of(each) for each in savings],
            uploads=sum(each.uploads for each in savings),
            certificates=sum(each.certificates for each in savings),
            shared=sum(each.shared for each in savings),
            saved=sum(each.saved for each in savings),
        )
