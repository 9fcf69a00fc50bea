"""Reading one cell: text, codes, serials, dates and numbers to their one written form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from connectors.definition_shape import Column

_NOT_SERIAL = re.compile(r"[^0-9A-Z]+")
# "1,234.50", "1234", "-3"; not "1e9", "NaN" or "1,2".
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", re.ASCII)


class Unreadable(ValueError):
    """The cell is not what its column promises; ``rule`` is a key of ``faults.RULES``."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def parse(cell: str, column: Column) -> str:
    """Return ``cell`` in the one written form of the column's parser (dates as ISO 8601).

    Raises ``Unreadable``.
    """
    match column.parser:
        case "text":
            return cell
        case "code":
            return cell.upper()
        case "serial":
            return parse_serial(cell)
        case "number":
            return parse_number(cell)
        case "date":
            return parse_date(cell, column.format or "%Y-%m-%d").isoformat()


@lru_cache(maxsize=65536)
def parse_date(cell: str, form: str) -> date:
    """Read a date, or the date of a date and time, written as ``form`` (``strptime``) says."""
    try:
        # A register's date is a calendar day of its own place: no zone is involved.
        return datetime.strptime(cell, form).date()  # noqa: DTZ007
    except ValueError:
        raise Unreadable("unreadable-date") from None


def parse_number(cell: str) -> str:
    """Read a decimal number, thousands separated by commas or not; the point is kept as written."""
    if not _NUMBER.fullmatch(cell):
        raise Unreadable("unreadable-number")
    return format(Decimal(cell.replace(",", "")), "f")


def parse_serial(cell: str) -> str:
    """Keep digits and capital letters, as a certificate identifier needs them (GB/T 36904)."""
    serial = _NOT_SERIAL.sub("", cell.upper())
    if not serial:
        raise Unreadable("unusable-serial")
    return serial


def find_key(values: Mapping[str, str | None], column: Column) -> str | None:
    """Return the key of a row as far as it can be read, None otherwise."""
    cell = values.get(column.column)
    if cell is None:
        return None
    try:
        return parse(cell, column)
    except Unreadable:
        return None
