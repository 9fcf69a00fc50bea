"""Authorizations, as everyone above the repository sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from exchange.authorizations.facts import AuthorizationFacts

MOST_USES = 1000
MOST_DAYS = 365


@dataclass(frozen=True, slots=True)
class Authorization:
    """One authorization: asked for by a department's system, decided by the holder.

    ``uses_max``, ``valid_days`` and ``fields`` are what was asked for until it is granted, and
    what was granted from then on. ``artefact`` is the signed grant, kept after a withdrawal.
    """

    id: UUID
    case_id: UUID
    case_number: str
    department: str
    system: str
    item: str
    material: str
    holder_id_type: str
    holder_key: bytes
    basis: str
    certificate_type: str | None
    material_kind: str | None
    fields: frozenset[str]
    uses_max: int
    uses_taken: int
    valid_days: int
    state: str
    requested_at: datetime
    decided_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    artefact: str | None

    @property
    def facts(self) -> AuthorizationFacts:
        """What a decision needs to know of it."""
        return AuthorizationFacts(
            id=self.id,
            department=self.department,
            item=self.item,
            case_number=self.case_number,
            holder_key=self.holder_key,
            certificate_type=self.certificate_type,
            material_kind=self.material_kind,
            fields=self.fields,
            uses_max=self.uses_max,
            uses_taken=self.uses_taken,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            state=self.state,
        )
