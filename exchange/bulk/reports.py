"""Refusals as text: CSV for people, JSON Lines for programs. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

import orjson

from exchange.bulk.records import Refusal

COLUMNS = ("row", "field", "rule", "zh", "en")


def csv_lines(refusals: Iterable[Refusal]) -> Iterator[str]:
    """A heading, then a line for each refusal (RFC 4180)."""
    yield _line(COLUMNS)
    for each in refusals:
        yield _line((str(each.row_number), each.field or "", each.rule, each.zh, each.en))


def json_lines(refusals: Iterable[Refusal]) -> Iterator[bytes]:
    """An object for each refusal, with the members of COLUMNS."""
    for each in refusals:
        values = (each.row_number, each.field, each.rule, each.zh, each.en)
        yield orjson.dumps(
            dict(zip(COLUMNS, values, strict=True)), option=orjson.OPT_APPEND_NEWLINE
        )


def _line(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    # A spreadsheet takes a cell that begins like this for a formula.
    csv.writer(line).writerow([f"'{cell}" if cell[:1] in "=+-@\t" and cell else cell
                               for cell in cells])  # fmt: skip
    return line.getvalue()
