"""The files of this repository, as the house tests read them."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("certstore", "connectors", "policies", "exchange", "migrations")
TEXTS = {".py", ".toml", ".md", ".yml", ".sql", ".cedar", ".cedarschema", ".json", ".mako", ".lock"}
TEXT_NAMES = {"Makefile", "Dockerfile", ".dockerignore", ".gitignore", "run", "environment"}


def files() -> list[Path]:
    """Every text file that is tracked or would be, or in an export without git every one there."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout.decode()
        found = [ROOT / name for name in listed.split("\0") if name]
    else:
        made = {".venv", "var", "build", "dist", "__pycache__"}
        found = [path for path in ROOT.rglob("*") if not made & set(path.relative_to(ROOT).parts)]
    texts = (path for path in found if path.suffix in TEXTS or path.name in TEXT_NAMES)
    return sorted({path for path in texts if path.is_file()})


def modules() -> list[Path]:
    """The Python modules of the packages, without tests and benchmarks."""
    return [
        path
        for path in files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
    ]
