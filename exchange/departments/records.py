"""Departments and their systems, as everyone above the repository sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

# What a token may be allowed to do, each the name of one door of the interface.
SCOPES: Final = frozenset({"lookups", "cases", "certificates", "registers", "audit", "governance"})


@dataclass(frozen=True, slots=True)
class Department:
    """A department: its unified social credit code and its names."""

    code: str
    name_zh: str
    name_en: str

    @classmethod
    def from_row(cls, row: Any) -> Department:
        """The record of a row."""
        return cls(row.code, row.name_zh, row.name_en)


@dataclass(frozen=True, slots=True)
class System:
    """A department's system: a client that authenticates by the keys in its JWKS (RFC 7517)."""

    client_id: str
    department: str
    name: str
    jwks: Mapping[str, Any]
    scopes: frozenset[str]
    disabled_at: datetime | None

    @classmethod
    def from_row(cls, row: Any) -> System:
        """The record of a row."""
        return cls(
            row.client_id,
            row.department,
            row.name,
            row.jwks,
            frozenset(row.scopes),
            row.disabled_at,
        )
