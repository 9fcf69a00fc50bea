"""CSV (RFC 4180) to rows, so that one broken row does not swallow those after it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator

from connectors.adapters import SourceRow
from connectors.adapters.rows import (
    broken_row,
    require_columns,
    require_rows_within_limit,
    source_row,
    unreadable,
)
from connectors.definition_shape import Definition

_MAX_LINES_OF_A_RECORD = 100


def csv_rows(text: str, definition: Definition) -> Iterator[SourceRow]:
    """Yield every data row of ``text``. Blank lines are no rows.

    A quotation mark that never closes would make the csv module take the rest of the file into one
    cell. So a record over several lines is accepted only when it closes within 100 lines and has
    the header's number of columns; otherwise its first line is one broken row and reading goes on
    at the next line.
    """
    # newline="": a line ends at \n, \r or \r\n only; str.splitlines would also cut at U+2028.
    lines = list(io.StringIO(text, newline=""))
    header, at = _header(lines, definition)
    wanted = [name for name in definition.source_columns() if name in set(header)]
    number = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        number += 1
        require_rows_within_limit(number, definition)
        cells, taken = _record(lines, at)
        if taken > 1 and (cells is None or len(cells) != len(header)):
            cells, taken = None, 1
        if cells is None:
            yield broken_row(number, "broken-quoting", lines[at])
        elif len(cells) != len(header):
            yield broken_row(number, "ragged-row", cells)
        else:
            yield source_row(number, dict(zip(header, cells, strict=True)), definition, wanted)
        at += taken


def _header(lines: list[str], definition: Definition) -> tuple[list[str], int]:
    at = next((i for i, line in enumerate(lines) if line.strip()), None)
    if at is None:
        raise unreadable(
            definition, "来源是空的，连表头也没有", "the source is empty, header included"
        )
    cells, taken = _record(lines, at)
    if cells is None:
        raise unreadable(definition, "表头无法解读", "the header cannot be read")
    header = [cell.strip() for cell in cells]
    if any("\ufffd" in name for name in header):
        raise unreadable(
            definition,
            f"表头不是 {definition.source.encoding} 编码",
            f"the header is not in {definition.source.encoding}",
        )
    # First, so that what follows names columns and not the first row of a file without a header.
    require_columns(set(definition.source_columns()) - set(header), definition)
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        names = ", ".join(twice)
        raise unreadable(
            definition,
            f"表头中有重复的列：{names}",
            f"the header names columns twice: {names}",
        )
    return header, at + taken


def _record(lines: list[str], start: int) -> tuple[list[str] | None, int]:
    """Read one record from ``lines[start:]``: its cells (None if broken), and lines taken."""
    taken = 0

    def feed() -> Iterator[str]:
        nonlocal taken
        for line in lines[start : start + _MAX_LINES_OF_A_RECORD]:
            taken += 1
            yield line

    try:
        return next(csv.reader(feed(), strict=True)), taken
    except csv.Error:
        return None, taken
