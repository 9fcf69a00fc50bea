"""Reading a handed-over file row by row, from any place in it, however large it is.

JSON Lines (one JSON object a line) and CSV (RFC 4180, UTF-8, first line the columns). Blank lines
are no rows. A broken row is a row with a fault; it never takes those behind it along.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final, NamedTuple

from certstore.errors import JwsError
from certstore.strict_json import parse_json
from exchange.bulk.records import Refusal
from exchange.errors import BadRequest, Fault

LONGEST: Final = 512 * 1024
"""Bytes of a row."""
MOST_LINES: Final = 100
"""Lines of one CSV record."""
MOST_COLUMNS: Final = 500
_BOM: Final = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """A row, numbered from 1, and the byte where the next one begins.

    ``values`` are the members of its object or its cells by column; with a ``fault`` it is empty.
    """

    number: int
    end: int
    values: Mapping[str, Any]
    fault: Refusal | None = None


def read_rows(file: BinaryIO, form: str, *, number: int = 0, offset: int = 0) -> Iterator[Row]:
    """The rows of a file behind row ``number``, which ends at ``offset``.

    Raises:
        BadRequest: a CSV file has no usable first line.
    """
    columns: Sequence[str] = ()
    file.seek(0)
    if form == "csv":
        columns, begin = _columns(file)
        offset = max(offset, begin)
    file.seek(offset)
    lines = Lines(file, offset)
    while (line := lines.take()) is not None:
        content = line.removeprefix(_BOM) if lines.at == len(line) else line
        if not content.strip():
            continue
        number += 1
        if len(line) > LONGEST:
            yield _broken(number, lines.at, *_TOO_LONG)
        elif b"\0" in content or b"\\u0000" in content:
            yield _broken(number, lines.at, *_NUL)
        elif form == "csv":
            yield _record(content, lines, columns, number)
        else:
            yield _object(content, lines.at, number)


def columns_of(file: BinaryIO) -> list[str]:
    """The columns that a CSV file names. Raises BadRequest."""
    file.seek(0)
    return _columns(file)[0]


def read_lines(file: BinaryIO, *, number: int = 0, offset: int = 0) -> Iterator[tuple[Row, bytes]]:
    """Lines that are no objects: each row with its bytes, empty where the line is too long."""
    file.seek(offset)
    lines = Lines(file, offset)
    while (line := lines.take()) is not None:
        content = line.strip()
        if content:
            number += 1
            if len(line) > LONGEST:
                yield _broken(number, lines.at, *_TOO_LONG), b""
            else:
                yield Row(number, lines.at, {}), content


class Lines:
    """The lines of a file; ``at`` is the byte behind the last one taken.

    A line beyond the longest is given with its beginning only, and passed over to its end.
    """

    def __init__(self, file: BinaryIO, at: int) -> None:
        self._file = file
        self.at = at

    def take(self) -> bytes | None:
        """The next line with its line feed, None at the end."""
        line = self._file.readline(LONGEST + 1)
        if not line:
            return None
        self.at += len(line)
        rest = line
        while len(rest) > LONGEST and not rest.endswith(b"\n"):
            rest = self._file.readline(LONGEST + 1)
            self.at += len(rest)
        return line

    def back_to(self, at: int) -> None:
        """Go on behind an earlier byte."""
        self._file.seek(at)
        self.at = at


def _object(content: bytes, end: int, number: int) -> Row:
    try:
        value = parse_json(content, field="row")
    except JwsError as error:
        return _broken(number, end, error.code, error.zh, error.en)
    except RecursionError:
        return _broken(number, end, "too-deep", "嵌套过深", "nested too deep")
    if not isinstance(value, dict):
        return _broken(number, end, "not-an-object", "不是 JSON 对象", "not a JSON object")
    return Row(number, end, value)


def _columns(file: BinaryIO) -> tuple[list[str], int]:
    lines = Lines(file, 0)
    while (line := lines.take()) is not None and not line.removeprefix(_BOM).strip():
        pass
    try:
        text = (line or b"").removeprefix(_BOM).decode("utf-8")
        found = next(csv.reader([text], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        found = []
    columns = [name.strip() for name in found]
    if not columns or len(columns) > MOST_COLUMNS or "" in columns:
        raise _unusable("首行须为列名(UTF-8)", "the first line must name the columns (UTF-8)")
    if len(set(columns)) < len(columns):
        raise _unusable("列名重复", "a column is named twice")
    return columns, lines.at


def _record(content: bytes, lines: Lines, columns: Sequence[str], number: int) -> Row:
    """A quotation mark that never closes would swallow the rest of the file. So a record over
    several lines counts only where it closes within 100 and has the columns' number of cells;
    otherwise its first line is one broken row, and reading goes on at the next."""
    begin = lines.at
    cells = _cells(content)
    taken = content
    if cells is None:
        for _ in range(MOST_LINES):
            line = lines.take()
            if line is None or len(taken) + len(line) > LONGEST:
                break
            taken += line
            cells = _cells(taken)
            if cells is not None:
                break
        if cells is None or len(cells) != len(columns) or b"\0" in taken:
            lines.back_to(begin)
            return _broken(number, begin, *_QUOTING)
    if len(cells) != len(columns):
        return _broken(number, lines.at, *_RAGGED)
    return Row(number, lines.at, dict(zip(columns, cells, strict=True)))


def _cells(content: bytes) -> list[str] | None:
    try:
        text = content.decode("utf-8")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows[0] if len(rows) == 1 else None


_TOO_LONG: Final = ("too-long", f"超过 {LONGEST} 字节", f"more than {LONGEST} bytes")
_NUL: Final = ("character", "含 NUL 字符", "holds the character NUL")
_QUOTING: Final = (
    "broken-quoting", "引号未闭合或不是 UTF-8", "a quotation mark is not closed, or not UTF-8",
)  # fmt: skip
_RAGGED: Final = ("ragged-row", "单元格数与列名数不符", "not as many cells as columns")


def _broken(number: int, end: int, rule: str, zh: str, en: str) -> Row:
    return Row(number, end, {}, Refusal(number, None, rule, zh, en))


def _unusable(zh: str, en: str) -> BadRequest:
    return BadRequest(
        f"文件无法读取:{zh}。", f"The file cannot be read: {en}.", faults=(Fault("file", zh, en),)
    )
