"""Definitions of departments' registers: reading ``definitions/*.toml``, and what is wrong in them.

The files are documentation too: a department reads its own and finds its columns, its mapping and
every rule its rows are held against.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from connectors.canonical import content_hash
from connectors.definition_checks import cross_checks
from connectors.definition_shape import Definition

__all__ = [
    "BUILT_IN",
    "Definition",
    "DefinitionError",
    "DefinitionFault",
    "check_definitions",
    "load_definitions",
    "read_definitions",
]

BUILT_IN = Path(__file__).parent / "definitions"

_DEFINITION = TypeAdapter(Definition)


@dataclass(frozen=True, slots=True)
class DefinitionFault:
    """One thing wrong in one place of a definition file; both texts end with the remedy."""

    file: str
    key: str
    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.en}"


class DefinitionError(Exception):
    """One or more definition files cannot be used; ``faults`` names everything at once."""

    def __init__(self, faults: tuple[DefinitionFault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def load_definitions(directory: Path | None = None) -> Mapping[str, Definition]:
    """Load every ``*.toml`` in ``directory`` (the built-in ones when None), by department code.

    Raises ``DefinitionError`` with everything that is wrong in any of them.
    """
    definitions, faults = read_definitions(directory or BUILT_IN)
    if faults:
        raise DefinitionError(faults)
    return {definition.department: definition for definition in definitions}


def check_definitions(directory: Path | None = None) -> tuple[DefinitionFault, ...]:
    """Return everything that is wrong with the definitions in ``directory``, built-in when None."""
    return read_definitions(directory or BUILT_IN)[1]


def read_definitions(
    directory: Path,
) -> tuple[tuple[Definition, ...], tuple[DefinitionFault, ...]]:
    """Read every ``*.toml`` of ``directory`` in name order: usable definitions, and all faults."""
    definitions: list[Definition] = []
    faults: list[DefinitionFault] = []
    paths = sorted(directory.glob("*.toml"))
    if not paths:
        zh = "目录中没有定义文件：请放入至少一个 *.toml"
        faults.append(
            DefinitionFault(directory.name, "*.toml", zh, "no definition here: add at least one")
        )
    for path in paths:
        try:
            definition = _shape(path)
        except _Unusable as unusable:
            faults += unusable.faults
            continue
        found = [DefinitionFault(path.name, *wrong) for wrong in cross_checks(definition)]
        twin = next((d for d in definitions if d.department == definition.department), None)
        if twin is not None:
            zh = f"部门代码已用于 {twin.key}.toml：每个部门一个文件"
            en = f"department is already defined in {twin.key}.toml: one file per department"
            found.append(DefinitionFault(path.name, "department", zh, en))
        faults += found
        if not found:
            definitions.append(definition)
    return tuple(definitions), tuple(faults)


class _Unusable(Exception):
    def __init__(self, faults: list[DefinitionFault]) -> None:
        super().__init__()
        self.faults = faults


def _shape(path: Path) -> Definition:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        own = {"key": path.stem, "digest": content_hash(document)}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, orjson.JSONEncodeError) as error:
        zh = "不是可读的 TOML（UTF-8）：请改正语法"
        en = f"not readable TOML in UTF-8 ({error}): correct the syntax"
        raise _Unusable([DefinitionFault(path.name, "-", zh, en)]) from None
    faults = [
        DefinitionFault(path.name, key, "由文件得出，不能写入：请删除", "derived: remove it")
        for key in sorted(own.keys() & document.keys())
    ]
    try:
        # JSON mode: strict, yet a TOML array may become a tuple.
        definition = _DEFINITION.validate_json(orjson.dumps({**document, **own}))
    except ValidationError as error:
        faults += [_shape_fault(path.name, e) for e in error.errors(include_url=False)]
        raise _Unusable(faults) from None
    if faults:
        raise _Unusable(faults)
    return definition


def _shape_fault(file: str, error: ErrorDetails) -> DefinitionFault:
    key = ".".join(str(part) for part in error["loc"]) or "-"
    kind = error["type"]
    if kind == "missing":
        return DefinitionFault(file, key, "缺少此项：请补上", "is missing: add it")
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        zh, en = "未知的项：请检查拼写或删除", "is not known: check the spelling or remove it"
        return DefinitionFault(file, key, zh, en)
    if kind == "literal_error":
        allowed = error["ctx"]["expected"]
        zh = f"取值不在允许范围：请改为 {allowed} 之一"
        return DefinitionFault(file, key, zh, f"is not allowed: write one of {allowed}")
    return DefinitionFault(
        file, key, f"取值不合要求（{kind}）：请改正", f"{error['msg']} ({kind}): correct it"
    )
