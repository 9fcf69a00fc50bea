"""What no file of the repository may hold, and what every text must."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from tests.house.sources import ROOT, files

PUT_OFF = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
HOMES = "|".join(("wo" + "rk", "ro" + "ot", r"ho" + r"me/\w+", r"Us" + r"ers/\w+"))
MACHINE_PATH = re.compile(rf"(?<![\w.}}])/(?:{HOMES})/\w")
LOCKS = ("requirements.lock", "requirements-dev.lock")


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_there_are_files_to_look_at() -> None:
    names = {path.name for path in files()}
    assert {"engine.py", "lookups.cedar", "Makefile", "requirements.lock", "run"} <= names


def test_nothing_is_put_off() -> None:
    assert places(PUT_OFF) == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    assert places(MACHINE_PATH) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_name_no_registry_and_pin_every_package_by_hash(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links|-e)\b", text, re.MULTILINE)
    requirements = re.split(r"\n(?=[a-z])", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE))
    assert len(requirements) > 50
    for requirement in requirements:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==", requirement), requirement[:80]
        assert "--hash=sha256:" in requirement, requirement[:80]


def test_both_locks_agree() -> None:
    run, dev = (
        dict(re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", text, re.MULTILINE))
        for text in ((ROOT / lock).read_text("utf-8") for lock in LOCKS)
    )
    assert {name: dev.get(name) for name in run} == run


def texts_in(value: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        if {"zh", "en"} & value.keys():
            yield place, value
        for key, inner in value.items():
            yield from texts_in(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from texts_in(inner, f"{place}[{number}]")


def test_every_text_in_a_definition_speaks_chinese_and_english() -> None:
    silent = []
    for path in files():
        if path.suffix != ".toml" or path.name == "pyproject.toml":
            continue
        document = tomllib.loads(path.read_text("utf-8"))
        for place, text in texts_in(document, str(path.relative_to(ROOT))):
            silent += [f"{place}: {tongue}" for tongue in ("zh", "en") if not text.get(tongue)]
    assert silent == []


def test_every_decision_is_short_and_opens_with_a_chinese_summary() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [
        f"{number:04}" for number in range(1, len(decisions) + 1)
    ]
    for path in decisions:
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) <= (60 if path.name.startswith("0001") else 30), path.name
        assert re.search(r"[\u4e00-\u9fff]", lines[2]), path.name
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in lines, (path.name, heading)


def test_every_dependency_has_its_reason_on_record() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    names = {re.split(r"[\[<>=~!; ]", line)[0] for line in wanted}
    record = (ROOT / "docs/decisions/0001-dependencies.md").read_text("utf-8")
    recorded = set(re.findall(r"`([a-z0-9-]+)`", record))
    assert names <= recorded
