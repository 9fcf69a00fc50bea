"""JSON (an array of objects) and JSON Lines to rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from connectors.adapters import SourceRow
from connectors.adapters.rows import (
    broken_row,
    require_columns,
    require_rows_within_limit,
    source_row,
    unreadable,
)
from connectors.definition_shape import Definition
from connectors.faults import row_fault


class _Members(list[tuple[str, Any]]):
    """The members of one JSON object in order, repeated names included."""


_BROKEN = object()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")  # NaN and Infinity: RFC 8259 §6


# Numbers stay as they were written: a float would change them.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_Members,
    parse_int=str,
    parse_float=str,
    parse_constant=_refuse_constant,
)


def json_rows(text: str, definition: Definition) -> Iterator[SourceRow]:
    """Yield every element of the JSON array ``text``.

    Raises ``unreadable-answer`` for anything that is not a complete array, ``missing-column`` when
    no row at all has a column that every record needs.
    """
    try:
        document = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise unreadable(
            definition,
            "不是完整的 JSON，可能在传输中被截断",
            "the source is not complete JSON; it may have been cut off",
        ) from None
    if not isinstance(document, list) or isinstance(document, _Members):
        raise unreadable(definition, "JSON 不是数组", "the JSON is not an array of objects")
    require_rows_within_limit(len(document), definition)
    _require_members(document, definition)
    columns = definition.source_columns()
    for number, element in enumerate(document, start=1):
        yield _row(number, element, definition, columns)


def json_lines_rows(text: str, definition: Definition) -> Iterator[SourceRow]:
    """Yield every line of ``text`` that is not blank; a line that is not JSON is a broken row."""
    lines = [line for line in text.split("\n") if line.strip()]
    require_rows_within_limit(len(lines), definition)
    elements = [_element(line) for line in lines]
    _require_members(elements, definition)
    columns = definition.source_columns()
    for number, (line, element) in enumerate(zip(lines, elements, strict=True), start=1):
        if element is _BROKEN:
            yield broken_row(number, "broken-json", line)
        else:
            yield _row(number, element, definition, columns)


def _element(line: str) -> Any:
    try:
        return _DECODER.decode(line.strip())
    except (ValueError, RecursionError):
        return _BROKEN


def _require_members(elements: list[Any], definition: Definition) -> None:
    objects = [element for element in elements if isinstance(element, _Members)]
    if objects:
        seen = {name for element in objects for name, _ in element}
        require_columns(definition.required_columns() - seen, definition)


def _row(number: int, element: Any, definition: Definition, columns: tuple[str, ...]) -> SourceRow:
    if not isinstance(element, _Members):
        return broken_row(number, "not-an-object", _whole(element))
    faults = []
    cells: dict[str, str | None] = {}
    for raw_name, value in element:
        name = _whole(raw_name)
        if name in cells:
            faults.append(row_fault("repeated-column", name))
        if isinstance(value, list):
            faults.append(row_fault("nested-value", name))
        cells[name] = _cell(value)
    wanted = set(columns)
    relevant = tuple(f for f in faults if f.column in wanted)
    return source_row(number, cells, definition, columns, relevant)


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, list):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(_whole(value))


def _whole(value: Any) -> Any:
    """Half of a surrogate pair (``\\ud800`` alone) is no character; it marks its row as broken."""
    if isinstance(value, str):
        if value.isascii():
            return value
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(member) for member in value]
    return value
