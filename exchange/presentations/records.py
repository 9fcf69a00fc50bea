"""What a holder shows, as everyone above the repository sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

State = Literal["open", "used", "withdrawn", "expired"]


@dataclass(frozen=True, slots=True)
class Presentation:
    """One showing of some fields of one certificate, to whoever scans the code first.

    ``audience`` is the one department that may use it, None for any. ``lookup`` and ``used_by``
    say by which lookup of which department it was used. ``stored`` is open, used or withdrawn.
    """

    id: UUID
    code_hash: bytes
    holder_key: bytes
    identifier: str
    certificate_type: str
    fields: frozenset[str]
    audience: str | None
    made_at: datetime
    expires_at: datetime
    stored: str
    ended_at: datetime | None = None
    lookup: UUID | None = None
    used_by: str | None = None

    def state(self, now: datetime) -> State:
        """How it stands at a moment: what was done with it comes before its time."""
        if self.stored == "used":
            return "used"
        if self.stored == "withdrawn":
            return "withdrawn"
        return "expired" if now >= self.expires_at else "open"
