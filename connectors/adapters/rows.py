"""What every file format shares: taking over cells, and the limits on rows and columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from connectors.adapters import SourceRow
from connectors.canonical import content_hash
from connectors.definition_shape import Definition
from connectors.errors import ConnectorError
from connectors.faults import row_fault
from connectors.records import RowFault

# Tab and line breaks are allowed inside a cell.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def source_row(
    number: int,
    cells: Mapping[str, str | None],
    definition: Definition,
    columns: Iterable[str],
    faults: tuple[RowFault, ...] = (),
) -> SourceRow:
    """Take over the cells of ``columns`` that the definition reads; absent ones become None."""
    absent = definition.absent
    longest = definition.source.max_field_length
    found = list(faults)
    values: dict[str, str | None] = {}
    for column in columns:
        cell = cells.get(column)
        value = cell.strip() if cell is not None else None
        values[column] = value = None if value in absent else value
        if value is None:
            continue
        if "\ufffd" in value:
            found.append(row_fault("broken-encoding", column, value))
        if _CONTROL.search(value):
            found.append(row_fault("control-character", column, value))
        if len(value) > longest:
            found.append(row_fault("over-long-field", column, value))
    return SourceRow(number, values, content_hash(dict(cells)), tuple(found))


def broken_row(number: int, rule: str, received: object) -> SourceRow:
    """A row that could not be taken apart."""
    return SourceRow(number, {}, content_hash(received), (row_fault(rule),))


def require_columns(missing: Iterable[str], definition: Definition) -> None:
    """Raise ``missing-column`` when the register lacks any of the columns it was defined with."""
    names = ", ".join(sorted(missing))
    if names:
        raise ConnectorError(
            "missing-column",
            f"来源缺少列：{names}",
            f"the source lacks the columns {names}",
            definition.department,
        )


def require_rows_within_limit(count: int, definition: Definition) -> None:
    """Raise ``limit-exceeded`` when there are more rows than the definition allows."""
    limit = definition.source.max_rows
    if count > limit:
        raise ConnectorError(
            "limit-exceeded",
            f"超过 {limit} 行的上限",
            f"there are more than {limit} rows",
            definition.department,
        )


def unreadable(definition: Definition, zh: str, en: str) -> ConnectorError:
    """The whole answer is not a register."""
    return ConnectorError("unreadable-answer", zh, en, definition.department)
