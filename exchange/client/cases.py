"""Cases, checklists, authorizations and savings, as both sides of the counter see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Names:
    """A name or sentence in both languages."""

    zh: str
    en: str

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Names:
        """Read a ``{zh, en}`` object."""
        return cls(value["zh"], value["en"])


@dataclass(frozen=True, slots=True)
class ChecklistLine:
    """What one material of a case needs.

    ``state`` is given, held, reusable, needs-authorization or to-be-given. Of a material that may
    be got now, ``basis`` and ``authorization`` say by what right, ``fields`` which fields of a
    certificate, ``document`` which earlier document.
    """

    material: str
    name: Names
    state: str
    how: str | None
    certificate_type: str | None
    document_kind: str | None
    basis: str | None
    authorization: UUID | None
    asked: UUID | None
    document: UUID | None
    fields: tuple[str, ...]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> ChecklistLine:
        """Read one of a case's ``materials``."""
        return cls(
            material=value["material"],
            name=Names.of(value["name"]),
            state=value["state"],
            how=value["how"],
            certificate_type=value["certificate_type"],
            document_kind=value["document_kind"],
            basis=value["basis"],
            authorization=_uuid(value["authorization"]),
            asked=_uuid(value["asked"]),
            document=_uuid(value["document"]),
            fields=tuple(value["fields"]),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """A case (办件) with its checklist, as of when it was read."""

    id: UUID
    case_number: str
    department: str
    item: str
    item_name: Names
    state: str
    opened_at: datetime
    completed_at: datetime | None
    materials: tuple[ChecklistLine, ...]

    @property
    def complete(self) -> bool:
        """Whether every material is given."""
        return self.state == "complete"

    def get_line(self, material: str) -> ChecklistLine:
        """The line of a material.

        Raises:
            KeyError: the item has no such material.
        """
        for line in self.materials:
            if line.material == material:
                return line
        raise KeyError(material)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Case:
        """Read a case."""
        return cls(
            id=UUID(value["case"]),
            case_number=value["case_number"],
            department=value["department"],
            item=value["item"]["code"],
            item_name=Names.of(value["item"]["name"]),
            state=value["state"],
            opened_at=datetime.fromisoformat(value["opened_at"]),
            completed_at=_instant(value["completed_at"]),
            materials=tuple(ChecklistLine.of(each) for each in value["materials"]),
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What a department asks the holder for: one material, so many uses, so many days.

    Without ``way`` and ``fields`` it is what the service item lists.
    """

    material: str
    uses: int = 1
    days: int = 30
    basis: Literal["holder", "entrusted"] = "holder"
    way: Literal["certificate", "document"] | None = None
    fields: Sequence[str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the interface wants it; what is absent is left out."""
        asked: dict[str, Any] = {
            "material": self.material,
            "uses": self.uses,
            "days": self.days,
            "basis": self.basis,
        }
        if self.way is not None:
            asked["way"] = self.way
        if self.fields is not None:
            asked["fields"] = list(self.fields)
        return asked


@dataclass(frozen=True, slots=True)
class Authorization:
    """An authorization: asked for, and perhaps decided. ``sentence`` says it in plain words.

    ``state`` is what was decided, ``standing`` whether it may be used now. ``artefact`` is the
    signed grant.
    """

    id: UUID
    case: UUID
    department: str
    department_name: Names
    item: str
    material: str
    certificate_type: str | None
    document_kind: str | None
    fields: Mapping[str, Names]
    basis: str
    uses: int
    uses_taken: int
    days: int
    state: str
    standing: str
    valid_until: datetime | None
    sentence: Names
    artefact: str | None = field(repr=False)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Authorization:
        """Read an authorization."""
        return cls(
            id=UUID(value["authorization"]),
            case=UUID(value["case"]),
            department=value["department"],
            department_name=Names.of(value["department_name"]),
            item=value["item"],
            material=value["material"],
            certificate_type=value["certificate_type"],
            document_kind=value["document_kind"],
            fields={name: Names.of(title) for name, title in value["fields"].items()},
            basis=value["basis"],
            uses=value["uses"],
            uses_taken=value["uses_taken"],
            days=value["days"],
            state=value["state"],
            standing=value["standing"],
            valid_until=_instant(value["valid_until"]),
            sentence=Names.of(value["sentence"]),
            artefact=value["artefact"],
        )


@dataclass(frozen=True, slots=True)
class Savings:
    """How a department's cases got their materials. ``saved`` submissions nobody had to make."""

    uploads: int
    certificates: int
    shared: int
    saved: int

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Savings:
        """Read savings."""
        return cls(value["uploads"], value["certificates"], value["shared"], value["saved"])


@dataclass(frozen=True, slots=True)
class Document:
    """A document an applicant gave once."""

    id: UUID
    kind: str
    sha256: str
    size: int
    media_type: str
    file_name: str

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Document:
        """Read a document."""
        return cls(
            id=UUID(value["document"]),
            kind=value["kind"],
            sha256=value["sha256"],
            size=value["size"],
            media_type=value["media_type"],
            file_name=value["file_name"],
        )


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
