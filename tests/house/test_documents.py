"""The documents say what the code does, in both languages, and lead nowhere that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from exchange.problems import KINDS
from exchange.settings import Settings
from tests.house.sources import ROOT

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
OPERATIONS, INTERFACE = ROOT / "docs" / "operations.md", ROOT / "docs" / "api.md"
FLOW = ROOT / "docs" / "flow.svg"
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HAN = re.compile(r"[\u4e00-\u9fff]")


def documents() -> list[Path]:
    return [ENGLISH, CHINESE, *sorted((ROOT / "docs").rglob("*.md"))]


def prose(path: Path) -> str:
    """A document without its blocks of code."""
    return CODE.sub("", path.read_text("utf-8"))


def headings(path: Path) -> list[tuple[int, str]]:
    found = re.findall(r"^(#+) (.+)$", prose(path), re.MULTILINE)
    return [(len(marks), text) for marks, text in found]


def anchor(heading: str) -> str:
    """The anchor that a heading gets: lower case, spaces to hyphens, punctuation left out."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links() -> Iterator[tuple[Path, str]]:
    for path in documents():
        for target in LINK.findall(prose(path)):
            if "://" not in target:
                yield path, target


def table_column(text: str, column: int) -> list[str]:
    """One column of every table in a text, by its place."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [row[column].strip() for row in rows if len(row) > column]


def test_every_setting_is_documented_and_no_other() -> None:
    named = re.findall(
        r"YICI_[A-Z0-9_]+", "\n".join(table_column(OPERATIONS.read_text("utf-8"), 0))
    )
    assert sorted(named) == sorted(f"YICI_{name.upper()}" for name in Settings.model_fields)


def test_every_number_a_setting_defaults_to_stands_beside_it() -> None:
    rows = {
        line.split("`")[1]: line.replace(" ", "")
        for line in OPERATIONS.read_text("utf-8").splitlines()
        if line.startswith("| `YICI_")
    }
    for name, field in Settings.model_fields.items():
        if type(field.default) is int:
            row = rows[f"YICI_{name.upper()}"]
            mebibytes = f"|{field.default >> 20}MiB"
            assert str(field.default) in row or mebibytes in row, name


def test_every_problem_is_documented_with_its_status_and_no_other() -> None:
    section = INTERFACE.read_text("utf-8").split("## 12.")[1]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    told = {row.split("|")[1].strip(" `"): row.split("|")[2:4] for row in rows}
    assert told.keys() == KINDS.keys()
    for code, (status, zh) in told.items():
        assert (int(status), zh.strip()) == (KINDS[code].status, KINDS[code].zh), code


def test_both_readmes_have_the_same_headings_code_tables_and_links() -> None:
    def shape(path: Path) -> list[tuple[str, object]]:
        text = path.read_text("utf-8")
        return [
            ("headings", [level for level, _ in headings(path)]),
            ("code", CODE.findall(text)),
            ("rows", len(table_column(text, 0))),
            ("bullets", len(re.findall(r"^- ", prose(path), re.MULTILINE))),
            ("paths", re.findall(r"\((docs/[^)]+|LICENSE)\)", text)),
        ]

    assert shape(ENGLISH) == shape(CHINESE)


def test_the_first_screen_has_the_two_commands_and_the_picture() -> None:
    for path in (ENGLISH, CHINESE):
        first = path.read_text("utf-8").split("\n## ")[0]
        assert "make demo" in first
        assert "make test" in first
        assert "(docs/flow.svg)" in first
        assert len(first.splitlines()) < 25


def test_relative_links_lead_to_something_that_exists() -> None:
    found = list(links())
    assert len(found) > 15
    missing = []
    for path, target in found:
        file, _, fragment = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        there = place.exists()
        if there and fragment:
            there = fragment in {anchor(text) for _, text in headings(place)}
        if not there:
            missing.append(f"{path.name}: {target}")
    assert missing == []


def test_every_file_of_the_code_that_a_document_names_exists() -> None:
    roots = r"(?:exchange|certstore|connectors|policies|docs|tests|migrations|bench)"
    named = re.compile(rf"`({roots}/[\w./-]+)`")
    gone = [
        f"{path.name}: {name}"
        for path in documents()
        for name in named.findall(prose(path))
        if not any((ROOT / each).exists() for each in (name, f"{name}.py"))
    ]
    assert gone == []


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for path in documents():
        named = set(re.findall(r"(?:`|^)make (\w+)", path.read_text("utf-8"), re.MULTILINE))
        assert named <= targets, path.name
    assert set(re.findall(r"`make (\w+)`", ENGLISH.read_text("utf-8"))) >= targets - {"menu"}


@pytest.mark.parametrize("path", [INTERFACE, OPERATIONS.parent / "audit-events.md"])
def test_every_section_of_the_interface_and_the_log_has_a_heading_in_both_languages(
    path: Path,
) -> None:
    silent = [
        text for _, text in headings(path) if not (HAN.search(text) and re.search("[a-z]{2}", text))
    ]
    assert silent == []


def test_the_picture_says_what_it_shows_in_both_languages_and_fetches_nothing() -> None:
    picture = ElementTree.parse(FLOW).getroot()
    space = "{http://www.w3.org/2000/svg}"
    labels = (picture.get("aria-labelledby") or "").split()
    described = {each.get("id"): each.text or "" for each in picture}
    for tag, label in zip(("title", "desc"), labels, strict=True):
        assert picture.find(f"{space}{tag}") is not None
        assert HAN.search(described[label])
        assert re.search("[a-z]{4}", described[label])
    text = FLOW.read_text("utf-8")
    assert not re.search(r"href|url\((?!#)|@import|<image|<script", text)
