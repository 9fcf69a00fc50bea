"""Showing one's own certificates: one-time codes, and copies bound to a key of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from exchange.client.cases import Names


@dataclass(frozen=True, slots=True)
class Showing:
    """What was shown by a one-time code, and what became of it.

    ``state`` is open, used, withdrawn or expired; ``audience`` is the one department that may
    use it, None for any; ``used_by`` and ``lookup`` say by whom and by which lookup it was used.
    """

    id: UUID
    identifier: str
    certificate_type: str
    fields: tuple[str, ...]
    audience: str | None
    state: str
    made_at: datetime
    expires_at: datetime
    used_by: str | None
    used_by_name: Names | None
    lookup: UUID | None

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """Read one of ``presentations``."""
        return cls(**_members(value))


@dataclass(frozen=True, slots=True)
class OneTimeCode(Showing):
    """A showing just made, with its code: the hub tells it this once.

    ``text`` is what the QR code says, ``svg`` the QR code itself.
    """

    code: str = field(repr=False)
    text: str = field(repr=False)
    svg: str = field(repr=False)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """Read the answer to making one."""
        secret: dict[str, Any] = {name: str(value[name]) for name in ("code", "text", "svg")}
        return cls(**_members(value), **secret)


def _members(value: Mapping[str, Any]) -> dict[str, Any]:
    name, lookup = value["used_by_name"], value["lookup"]
    return {
        "id": UUID(value["presentation"]),
        "identifier": value["identifier"],
        "certificate_type": value["certificate_type"],
        "fields": tuple(value["fields"]),
        "audience": value["audience"],
        "state": value["state"],
        "made_at": datetime.fromisoformat(value["made_at"]),
        "expires_at": datetime.fromisoformat(value["expires_at"]),
        "used_by": value["used_by"],
        "used_by_name": Names.of(name) if name else None,
        "lookup": UUID(lookup) if lookup else None,
    }
