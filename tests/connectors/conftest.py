"""One warm gate for all tests, the built-in definitions, and a small register of shops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from connectors import Definition, WorkerGate, load_definitions

SHOPS = """
department = "11440000MB2D01234C"
name = { zh = "商店登记处", en = "Office of shops" }
register = { zh = "商店登记", en = "Register of shops" }
certificate_type = "shop-licence"
absent = ["", "N/A"]
failure_threshold = 0.9

[source]
kind = "file"
format = "csv"
file = "shops.csv"
encoding = "utf-8"
max_bytes = 100_000
max_rows = 1_000
max_field_length = 50

[record]
key = { column = "number", parser = "code" }
serial = { column = "number", parser = "serial" }
order_by = ["valid_from"]

[holder]
id_type = "x-shop"
id = { column = "number", parser = "code" }
name = { column = "owner" }

[fields]
owner = { column = "owner", required = true }
area = { column = "area", parser = "number" }

[validity]
valid_from = { column = "from", parser = "date", format = "%d.%m.%Y", required = true }

[state]
column = "status"
values = { open = "01", closed = "05" }

[contact]
name = { zh = "登记员", en = "Registrar" }

[[quality]]
expect = "expect_column_values_to_match_regex"
kwargs = { column = "number", regex = "^S-" }
severity = "critical"
zh = "编号不以 S- 开头"
en = "the number does not begin with S-"

[[quality]]
expect = "expect_column_value_lengths_to_be_between"
kwargs = { column = "owner", min_value = 3 }
severity = "warning"
zh = "店主名过短"
en = "the owner's name is short"
"""

HEADER = "number,owner,area,from,status\n"

Define = Callable[[Mapping[str, str]], Definition]


@pytest.fixture(scope="session")
def gate() -> Iterator[WorkerGate]:
    with WorkerGate() as gate:
        yield gate


@pytest.fixture(scope="session")
def built_in() -> Mapping[str, Definition]:
    return {definition.key: definition for definition in load_definitions().values()}


@pytest.fixture
def define(tmp_path: Path) -> Define:
    """Load the definition of shops with pieces of its text replaced."""

    def build(changes: Mapping[str, str]) -> Definition:
        text = SHOPS
        for old, new in changes.items():
            assert old in text, f"{old!r} is not in the definition to change"
            text = text.replace(old, new)
        folder = tmp_path / "definitions"
        folder.mkdir(exist_ok=True)
        (folder / "shops.toml").write_text(text, encoding="utf-8")
        (definition,) = load_definitions(folder).values()
        return definition

    return build


@pytest.fixture
def shops(define: Define) -> Definition:
    return define({})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The source folder."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder
