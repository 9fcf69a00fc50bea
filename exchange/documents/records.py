"""Files of certificates, as everyone above the repository sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

PDF: Final = "application/pdf"


@dataclass(frozen=True, slots=True)
class Use:
    """What an annotated copy was made for: ``valid_until`` is the last day it may be used."""

    department: str
    system: str
    lookup: UUID
    case_number: str | None
    reason: str = field(repr=False)
    valid_until: date


@dataclass(frozen=True, slots=True)
class Document:
    """One sealed file. ``credential`` is the SHA-256 of the SD-JWT VC it was made from, ``kid``
    the key of its seal; ``use`` is None for an original."""

    id: UUID
    issuer: str
    type_code: str
    serial: str
    version: int
    credential: str
    kid: str
    sha256: str
    size: int
    media_type: str
    made_at: datetime
    retain_until: datetime
    use: Use | None = None

    @property
    def kind(self) -> str:
        return "original" if self.use is None else "annotated"


@dataclass(frozen=True, slots=True)
class Released:
    """What the log says one answered lookup released: to which case, which fields, which of them
    masked, and when."""

    lookup: UUID
    at: datetime
    case_number: str | None
    fields: frozenset[str]
    masked: frozenset[str]
