"""Adapters: one per kind of source. Each hands over rows as received, faults beside them.

An adapter reads and limits; it neither maps nor judges. A fault of one row travels with the row,
so that the rest flows; only what makes the whole answer unreadable is a ``ConnectorError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from connectors.definition_shape import Definition
from connectors.records import RowFault

__all__ = ["Adapter", "Pull", "SourceRow"]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row as received. ``row_number`` counts data rows from 1.

    ``values`` holds the cells the definition reads, by source column, absent ones as None; it is
    empty when the row could not be taken apart. ``content_hash`` is over everything received of
    the row (SHA-256 hex).
    """

    row_number: int
    values: Mapping[str, str | None]
    content_hash: str
    faults: tuple[RowFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Pull:
    """All rows of one source at one time. ``source_digest``: SHA-256 (hex) of what was received."""

    source_digest: str
    rows: tuple[SourceRow, ...]


class Adapter(Protocol):
    """What every kind of source can do."""

    def pull(self, definition: Definition) -> Pull:
        """Read the whole register named by ``definition``.

        Raises ``ConnectorError``: ``source-missing``, ``source-refused``, ``unreadable-answer``,
        ``missing-column`` or ``limit-exceeded``.
        """
        ...
