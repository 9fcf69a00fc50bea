"""Rules of the house that a machine can read."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.sources import PACKAGES, ROOT, modules

EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "misc"}
# Time and ids arrive as arguments; the clock alone makes them, and a program's own entry point.
MAKERS = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7"}
MODULE_LINES = 400
FUNCTION_LINES = 60


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), name(path))


def test_no_module_is_named_after_nothing() -> None:
    parts = {(part, name(path)) for path in modules() for part in path.with_suffix("").parts}
    assert [place for part, place in sorted(parts) if part in EMPTY_NAMES] == []


def test_modules_and_functions_stay_small() -> None:
    long = []
    for path in modules():
        if path.is_relative_to(ROOT / "migrations"):
            continue
        lines = len(path.read_text("utf-8").splitlines())
        if lines > MODULE_LINES:
            long.append(f"{name(path)}: {lines} lines")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    long.append(f"{name(path)}: {node.name} has {length} lines")
    assert long == []


def test_only_the_clock_makes_times_and_ids() -> None:
    makers = []
    for path in modules():
        if path == ROOT / "exchange" / "clock.py" or path.name == "__main__.py":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                called = node.func
                attribute = called.attr if isinstance(called, ast.Attribute) else ""
                plain = called.id if isinstance(called, ast.Name) else ""
                owner = ast.unparse(called.value) if isinstance(called, ast.Attribute) else ""
                # clock.now() is the clock's own; datetime.now(), date.today(), uuid.uuid4() not.
                made = attribute in MAKERS and owner.split(".")[-1] in {"datetime", "date", "uuid"}
                if made or plain in {"uuid1", "uuid4", "uuid7"}:
                    makers.append(f"{name(path)}:{node.lineno}")
    assert makers == []


def test_every_package_is_there_and_typed() -> None:
    for package in PACKAGES[:4]:
        assert (ROOT / package / "__init__.py").is_file()
        assert (ROOT / package / "py.typed").is_file()
