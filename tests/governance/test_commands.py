"""`yici type`: what it publishes, what it says, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from certstore.types import sample_texts
from exchange.cli import app
from tests.hub import Served

LICENCE = next(text for text in sample_texts() if 'key = "business-licence"' in text)
CHANGE = '\n[change]\nsummary = { zh = "更短", en = "shorter" }\n'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["type", *arguments])


@pytest.fixture
def first(tmp_path: Path) -> Path:
    path = tmp_path / "first.toml"
    path.write_text(
        LICENCE.replace("business-licence", "by-command").replace("234C001", "234C911"),
        encoding="utf-8",
    )
    return path


@pytest.fixture
def second(first: Path) -> Path:
    text = first.read_text(encoding="utf-8").replace("version = 1", "version = 2")
    path = first.with_name("second.toml")
    path.write_text(text.replace("maxLength = 200", "maxLength = 20") + CHANGE, encoding="utf-8")
    return path


@pytest.fixture
def installed(catalogue: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the served hub, as a command finds them."""
    for name, value in catalogue.hub.settings:
        if value is not None:
            text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            monkeypatch.setenv(f"YICI_{name.upper()}", text)


def test_two_files_are_compared_without_any_hub(first: Path, second: Path) -> None:
    result = run("check", str(second), "--against", str(first))
    assert result.exit_code == 1
    assert "不兼容 breaking · fields/name/schema" in result.output
    assert "breaking = true" in result.output
    result = run("check", str(first), "--against", str(first))
    assert (result.exit_code, "there already" in result.output) == (0, True)


def test_a_file_that_is_no_definition_ends_with_2(tmp_path: Path, first: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("key = ")
    result = run("check", str(broken), "--against", str(first))
    assert (result.exit_code, "不是有效的TOML文件" in result.output) == (2, True)
    assert run("check", str(tmp_path / "none.toml")).exit_code == 2


@pytest.mark.usefixtures("installed")
def test_a_type_is_published_listed_and_shown(first: Path, second: Path) -> None:
    result = run("publish", str(first), "--by", "tests")
    assert result.exit_code == 0, result.output
    assert "published: by-command v1" in result.output
    result = run("publish", str(first), "--by", "tests")
    assert (result.exit_code, "there already" in result.output) == (0, True)
    assert run("check", str(second)).exit_code == 1
    result = run("publish", str(second), "--by", "tests")
    assert (result.exit_code, "breaking" in result.output) == (2, True)
    assert "by-command v1 11440000MB2D01234C911 营业执照 / Business licence" in run("list").output
    assert run("show", "by-command").output == first.read_text(encoding="utf-8")
    assert json.loads(run("show", "by-command", "--as", "schema").output)["required"]
    metadata = json.loads(run("show", "by-command", "--version", "1", "--as", "metadata").output)
    assert metadata["vct"] == "urn:yici:certificate:by-command:1"
    assert run("show", "by-command", "--version", "2").exit_code == 2
