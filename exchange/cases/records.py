"""Cases and what is given to them, as everyone above the repository sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from exchange.items.definitions import Item

How = Literal["certificate", "shared", "upload"]
MaterialState = Literal["given", "held", "reusable", "needs-authorization", "to-be-given"]


@dataclass(frozen=True, slots=True)
class Case:
    """One case (办件) of a department, about one holder, for one version of a service item."""

    id: UUID
    department: str
    system: str
    case_number: str
    item: str
    item_version: int
    holder_id_type: str
    holder_key: bytes
    state: str
    opened_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Document:
    """A document an applicant gave once; its content is in the object store under ``sha256``."""

    id: UUID
    holder_key: bytes
    kind: str
    sha256: str
    size: int
    media_type: str
    file_name: str
    case_id: UUID
    given_at: datetime
    given_by: str


@dataclass(frozen=True, slots=True)
class Given:
    """One material that stands in a case, and how the case got it (get_type)."""

    material: str
    how: How
    lookup: UUID | None
    document: UUID | None
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a checklist: a material of the item and what is to be done about it.

    ``authorization`` is the one that may be used now, ``asked`` one that waits for the holder.
    ``document`` may be named only where it is reusable or given. ``basis`` says on which basis
    a held certificate may be looked up, ``fields`` which fields then.
    """

    material: str
    state: MaterialState
    how: How | None = None
    given_at: datetime | None = None
    lookup: UUID | None = None
    document: UUID | None = None
    certificate_type: str | None = None
    material_kind: str | None = None
    basis: str | None = None
    authorization: UUID | None = None
    asked: UUID | None = None
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with its item and its checklist, in the order of the item's materials."""

    case: Case
    item: Item
    checklist: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Saving:
    """How many materials of one item a department got, by how it got them."""

    item: str
    uploads: int
    certificates: int
    shared: int

    @property
    def saved(self) -> int:
        """Submissions that nobody had to make."""
        return self.certificates + self.shared
