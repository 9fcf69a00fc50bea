"""`make` alone prints what can be done, in both languages; the environment says what it misses."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.sources import ROOT

TARGETS = ("demo", "serve", "test", "check", "bench", "lock", "clean")


@pytest.fixture
def menu() -> str:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed here")
    run = subprocess.run([make, "-C", str(ROOT), "-s"], capture_output=True, text=True, check=True)
    return run.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_the_menu_names_the_target_in_both_languages(menu: str, target: str) -> None:
    line = next(line for line in menu.splitlines() if f"make {target} " in line)
    assert re.search(r"[a-z]{3,} .* · .*[\u4e00-\u9fff]", line)


def test_the_menu_names_no_target_that_is_not_there(menu: str) -> None:
    assert tuple(re.findall(r"^  make (\w+)", menu, re.MULTILINE)) == TARGETS


def stand_in(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the environment script alone, and a PATH that holds no Python."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "cat", "rm", "touch", "command", "id"):
        found = shutil.which(tool)
        if found:
            (tools / tool).symlink_to(found)
    return tmp_path


def environment(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [".ci/environment", "requirements.lock", ".venv/.stamp"],
        cwd=checkout,
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
    )


def test_an_old_python_is_named_with_what_to_install(checkout: Path) -> None:
    stand_in(checkout / "bin", "python3.13", "echo 'command not found' >&2; exit 127")
    stand_in(
        checkout / "bin", "python3", '[ "$1" = --version ] && echo Python 3.9.2 && exit; exit 1'
    )
    run = environment(checkout)
    assert run.returncode == 1
    assert "Python 3.11 or newer is needed (found: Python 3.9.2)" in run.stderr
    assert "需要 Python 3.11" in run.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_without_its_venv_module_is_named_with_what_to_install(checkout: Path) -> None:
    script = 'case "$2" in *ensurepip*) exit 1;; *python3*) echo python3.12-venv;; esac'
    stand_in(checkout / "bin", "python3.12", script)
    (checkout / "bin" / "id").unlink()
    stand_in(checkout / "bin", "id", "echo 1000")
    run = environment(checkout)
    assert run.returncode == 1
    assert "apt-get install python3.12-venv" in run.stderr
    assert "缺少 venv 模块" in run.stderr
