"""A definition file of the wrong shape is refused with every fault named, never with a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import BadRequest
from exchange.items.definitions import read_definition


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("materials = [7]", "/materials/0"),
        ('[[materials]]\ncode = "a"\nways = ["b"]', "/materials/0/ways/0"),
        ('code = "short"', "/code"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "item.toml"
    path.write_text(text)
    with pytest.raises(BadRequest) as refused:
        read_definition(path)
    assert field in [fault.field for fault in refused.value.faults]


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "item.toml"
    path.write_text("code = ")
    with pytest.raises(BadRequest, match=r"item\.toml"):
        read_definition(path)
