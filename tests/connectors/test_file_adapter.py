"""Files as departments really send them: encodings, broken rows, and answers that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import ConnectorError, Definition
from connectors.adapters import SourceRow
from connectors.adapters.csv_rows import csv_rows
from connectors.adapters.file import FileAdapter
from connectors.definitions import load_definitions
from tests.connectors.conftest import HEADER, SHOPS, Define

GOOD = "S-1,Anna,10,01.02.2020,open\n"
JSON = {'format = "csv"': 'format = "json"', "shops.csv": "shops.json"}
LINES = {'format = "csv"': 'format = "jsonl"', "shops.csv": "shops.jsonl"}
RECORD = '{"number":"S-1","owner":"Anna","area":10,"from":"01.02.2020","status":"open"}'
AREA = '"area":10,'


def pull(definition: Definition, root: Path, content: bytes | str) -> tuple[SourceRow, ...]:
    data = content.encode() if isinstance(content, str) else content
    (root / definition.source.file).write_bytes(data)
    return FileAdapter(root).pull(definition).rows


def refusal(definition: Definition, root: Path, content: bytes | str) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        pull(definition, root, content)
    assert caught.value.department == definition.department
    assert caught.value.zh
    assert caught.value.en
    return caught.value


def rules(row: SourceRow) -> list[str]:
    return [fault.rule for fault in row.faults]


def test_cells_are_trimmed_and_absent_ones_are_none(shops: Definition, root: Path) -> None:
    (row,) = pull(shops, root, HEADER + " S-1 ,Anna,N/A,01.02.2020,open\n")
    assert row.values["number"] == "S-1"
    assert row.values["area"] is None
    assert row.faults == ()


def test_a_byte_order_mark_is_no_part_of_the_first_column(shops: Definition, root: Path) -> None:
    (row,) = pull(shops, root, b"\xef\xbb\xbf" + (HEADER + GOOD).encode())
    assert row.values["number"] == "S-1"


def test_windows_line_ends_and_a_missing_last_one_are_read(shops: Definition, root: Path) -> None:
    rows = pull(shops, root, (HEADER + GOOD + GOOD).replace("\n", "\r\n").rstrip())
    assert [row.values["status"] for row in rows] == ["open", "open"]


def test_gb18030_is_read(define: Define, root: Path) -> None:
    chinese = define({'encoding = "utf-8"': 'encoding = "gb18030"'})
    (row,) = pull(chinese, root, (HEADER + GOOD.replace("Anna", "张三记㐂")).encode("gb18030"))
    assert row.values["owner"] == "张三记㐂"


def test_a_quoted_cell_may_hold_commas_quotes_and_line_breaks(
    shops: Definition, root: Path
) -> None:
    rows = pull(shops, root, HEADER + 'S-1,"A ""n"", \nna",10,01.02.2020,open\n' + GOOD)
    assert [row.values["owner"] for row in rows] == ['A "n", \nna', "Anna"]
    assert [row.row_number for row in rows] == [1, 2]


def test_a_line_separator_of_unicode_does_not_end_a_row(shops: Definition, root: Path) -> None:
    (row,) = pull(shops, root, HEADER + GOOD.replace("Anna", "An\u2028na"))
    assert row.values["owner"] == "An\u2028na"


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"S-2,An\xffna,10,01.02.2020,open\n", "broken-encoding"),
        (b"S-2,An\x00na,10,01.02.2020,open\n", "control-character"),
        (b"S-2,Anna,10,01.02.2020\n", "ragged-row"),
        (b"S-2,Anna,10,01.02.2020,open,more\n", "ragged-row"),
        (b'S-2,"Anna,10,01.02.2020,open\n', "broken-quoting"),
        (b'S-2,"An"na,10,01.02.2020,open\n', "broken-quoting"),
        (b"S-2," + b"A" * 51 + b",10,01.02.2020,open\n", "over-long-field"),
    ],
)
def test_a_broken_row_is_faulty_by_itself_and_the_rest_flows(
    shops: Definition, root: Path, line: bytes, rule: str
) -> None:
    rows = pull(shops, root, HEADER.encode() + GOOD.encode() + line + GOOD.encode() * 3)
    assert [rules(row) for row in rows] == [[], [rule], [], [], []]


def test_a_broken_row_in_gb18030_keeps_to_itself(define: Define, root: Path) -> None:
    chinese = define({'encoding = "utf-8"': 'encoding = "gb18030"'})
    text = (HEADER + GOOD).encode("gb18030") + b"S-2,An\x81,10,01.02.2020,open\n" + GOOD.encode()
    rows = pull(chinese, root, text)
    assert [rules(row) for row in rows] == [[], ["broken-encoding"], []]


def test_a_masked_value_never_carries_what_cannot_be_stored(shops: Definition, root: Path) -> None:
    (row,) = pull(shops, root, HEADER + "S-2,\x00Anna\x00,10,01.02.2020,open\n")
    assert row.faults[0].masked_value == "*****"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "unreadable-answer"),
        ("<!doctype html><title>Sign in</title>", "unreadable-answer"),
        ("number,number,owner,area,from,status\n", "unreadable-answer"),
        ("number,owner,from,status\n", "missing-column"),
        ((HEADER + GOOD).encode("utf-16"), "unreadable-answer"),
        (HEADER + GOOD * 1001, "limit-exceeded"),
        (HEADER + "x" * 100_000, "limit-exceeded"),
    ],
)
def test_an_answer_that_is_no_register_is_refused_as_a_whole(
    shops: Definition, root: Path, content: bytes | str, code: str
) -> None:
    assert refusal(shops, root, content).code == code


def test_a_missing_column_is_named(shops: Definition, root: Path) -> None:
    error = refusal(shops, root, "number,owner,from\n")
    assert "area, status" in error.en
    assert "area, status" in error.zh


def test_the_first_row_of_a_file_without_a_header_is_not_repeated(
    shops: Definition, root: Path
) -> None:
    error = refusal(shops, root, "S-1,Anna,Anna,01.02.2020,open\n")
    assert error.code == "missing-column"
    assert "Anna" not in error.en + error.zh


def test_a_header_in_another_encoding_is_named(built_in: dict[str, Definition], root: Path) -> None:
    error = refusal(built_in["market-regulator"], root, "企业名称,地区\n".encode("gb18030"))
    assert error.code == "unreadable-answer"
    assert "utf-8" in error.en


def test_a_missing_file_and_a_missing_folder_are_told_apart_from_broken_ones(
    shops: Definition, root: Path
) -> None:
    for folder in (root, root / "nowhere"):
        with pytest.raises(ConnectorError) as caught:
            FileAdapter(folder).pull(shops)
        assert caught.value.code == "source-missing"


def test_links_pipes_and_folders_are_refused(shops: Definition, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(HEADER + GOOD)
    target = root / "shops.csv"
    for make in (lambda: target.symlink_to(outside), lambda: os.mkfifo(target), target.mkdir):
        make()
        with pytest.raises(ConnectorError) as caught:
            FileAdapter(root).pull(shops)
        assert caught.value.code == "source-refused"
        target.rmdir() if target.is_dir() and not target.is_symlink() else target.unlink()


def test_a_folder_that_is_a_link_is_refused(define: Define, root: Path, tmp_path: Path) -> None:
    nested = define({'file = "shops.csv"': 'file = "daily/shops.csv"'})
    real = tmp_path / "elsewhere"
    real.mkdir()
    (real / "shops.csv").write_text(HEADER + GOOD)
    (root / "daily").symlink_to(real)
    with pytest.raises(ConnectorError) as caught:
        FileAdapter(root).pull(nested)
    assert caught.value.code == "source-refused"
    (root / "daily").unlink()
    (root / "daily").mkdir()
    (root / "daily" / "shops.csv").write_text(HEADER + GOOD)
    assert len(FileAdapter(root).pull(nested).rows) == 1


def test_json_numbers_keep_their_digits(define: Define, root: Path) -> None:
    shops = define(JSON)
    (row,) = pull(shops, root, "[" + RECORD.replace("10", "10.000000000000000000010") + "]")
    assert row.values["area"] == "10.000000000000000000010"


def test_absent_members_and_null_are_both_none(define: Define, root: Path) -> None:
    shops = define(JSON)
    text = f"[{RECORD},{RECORD.replace('10', 'null')},{RECORD.replace(AREA, '')}]"
    assert [row.values["area"] for row in pull(shops, root, text)] == ["10", None, None]


@pytest.mark.parametrize(
    ("element", "rule"),
    [
        (b"[1]", "not-an-object"),
        (b"7", "not-an-object"),
        (RECORD.replace("10", '{"m2":10}').encode(), "nested-value"),
        (RECORD.replace('"area":10', '"area":10,"area":11').encode(), "repeated-column"),
        (RECORD.encode().replace(b"Anna", b"An\xffna"), "broken-encoding"),
        (RECORD.replace("Anna", "An\\ud800na").encode(), "broken-encoding"),
        (RECORD.replace("Anna", "An\\u0000na").encode(), "control-character"),
    ],
)
def test_a_broken_element_is_faulty_by_itself(
    define: Define, root: Path, element: bytes, rule: str
) -> None:
    text = b"[" + RECORD.encode() + b"," + element + b"," + RECORD.encode() + b"]"
    assert [rules(row) for row in pull(define(JSON), root, text)] == [[], [rule], []]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (f"[{RECORD},{RECORD[:30]}", "unreadable-answer"),
        ("<html><body>502 Bad Gateway</body></html>", "unreadable-answer"),
        (RECORD, "unreadable-answer"),
        ('[{"area": NaN}]', "unreadable-answer"),
        ("[" * 50_000, "unreadable-answer"),
        ("", "unreadable-answer"),
        ('[{"number": "S-1"}]', "missing-column"),
        (f"[{','.join(['{}'] * 1001)}]", "limit-exceeded"),
    ],
)
def test_json_that_is_no_register_is_refused_as_a_whole(
    define: Define, root: Path, content: str, code: str
) -> None:
    assert refusal(define(JSON), root, content).code == code


def test_json_lines_part_with_a_broken_line_only(define: Define, root: Path) -> None:
    text = f"{RECORD}\n{RECORD[:20]}\nnull\n\n{RECORD}\n"
    rows = pull(define(LINES), root, text)
    assert [rules(row) for row in rows] == [[], ["broken-json"], ["not-an-object"], []]


@pytest.fixture(scope="module")
def steady_shops(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    folder = tmp_path_factory.mktemp("definitions")
    (folder / "shops.toml").write_text(SHOPS, encoding="utf-8")
    (definition,) = load_definitions(folder).values()
    return definition


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(st.text(alphabet='aS-1,"\n\r\x00;é', max_size=40), max_size=12))
def test_any_text_is_taken_apart_and_rows_are_numbered_without_gaps(
    steady_shops: Definition, lines: list[str]
) -> None:
    text = HEADER + "\n".join(lines)
    rows = list(csv_rows(text, steady_shops))
    assert [row.row_number for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) <= len([line for line in text.splitlines() if line.strip()])
