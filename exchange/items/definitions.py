"""Service items (政务服务事项): what each asks for and what satisfies it.

An item names *materials*; each material lists the ways it can be satisfied. Nothing outside the
list may be demanded (证明事项清单), so the list is also what a lookup's purpose is held against.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from exchange.errors import BadRequest, Fault

DEFINITIONS = Path(__file__).parent / "definitions"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to satisfy a material: a certificate with the fields needed, or a document."""

    certificate_type: str | None
    fields: frozenset[str]
    material_kind: str | None


@dataclass(frozen=True, slots=True)
class Material:
    """One material of an item; ``code`` is unique within the item."""

    code: str
    name_zh: str
    name_en: str
    legal_ground: str
    ways: tuple[Way, ...]

    @property
    def certificate(self) -> Way | None:
        """The way by a certificate, where there is one."""
        return next((way for way in self.ways if way.certificate_type), None)

    @property
    def document(self) -> Way | None:
        """The way by a document given once and kept, where there is one."""
        return next((way for way in self.ways if way.material_kind), None)


@dataclass(frozen=True)
class Item:
    """One published version of a service item.

    ``code`` is the 实施编码 (implementation code): USCC 18 + 行使层级 1 + 基本编码 12.
    """

    code: str
    version: int
    basic_code: str
    department: str
    name_zh: str
    name_en: str
    legal_ground: str
    time_limit_working_days: int
    materials: tuple[Material, ...]

    @cached_property
    def certificate_fields(self) -> Mapping[str, frozenset[str]]:
        """For each certificate type that the materials list: the fields they need."""
        listed: dict[str, frozenset[str]] = {}
        for material in self.materials:
            for way in material.ways:
                if way.certificate_type:
                    known = listed.get(way.certificate_type, frozenset())
                    listed[way.certificate_type] = known | way.fields
        return listed

    def find_material(self, code: str) -> Material | None:
        """The material of that code."""
        return next((each for each in self.materials if each.code == code), None)

    @classmethod
    def from_json(cls, definition: Mapping[str, Any], *, version: int) -> Item:
        """Read a definition as published (or as a file gives it).

        Raises:
            BadRequest: names every fault at once.
        """
        faults = list(_faults(definition))
        if faults:
            raise BadRequest(
                "事项定义有误,请按 faults 逐项修正。",
                "The item's definition has faults; mend each one.",
                faults=tuple(faults),
            )
        return cls(
            code=definition["code"],
            version=version,
            basic_code=definition["basic_code"],
            department=definition["department"],
            name_zh=definition["name"]["zh"],
            name_en=definition["name"]["en"],
            legal_ground=definition["legal_ground"],
            time_limit_working_days=definition["time_limit_working_days"],
            materials=tuple(_material(each) for each in definition["materials"]),
        )


def digest(definition: Mapping[str, Any]) -> str:
    """SHA-256 over the definition's canonical JSON, hexadecimal."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def load_definitions(directory: Path | None = None) -> list[dict[str, Any]]:
    """The item definitions of a folder, in the order of their file names.

    Raises:
        BadRequest: a file is not an item's definition.
    """
    return [read_definition(path) for path in sorted((directory or DEFINITIONS).glob("*.toml"))]


def read_definition(path: Path) -> dict[str, Any]:
    """The item definition in one file.

    Raises:
        BadRequest: it is not an item's definition; each fault is named.
    """
    try:
        definition = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise BadRequest(
            f"{path.name} 无法读取,或不是有效的 TOML 文件。",
            f"{path.name} cannot be read, or is not valid TOML.",
        ) from None
    Item.from_json(definition, version=1)
    return definition


def _material(value: Mapping[str, Any]) -> Material:
    return Material(
        code=value["code"],
        name_zh=value["name"]["zh"],
        name_en=value["name"]["en"],
        legal_ground=value.get("legal_ground", ""),
        ways=tuple(
            Way(
                certificate_type=way.get("certificate"),
                fields=frozenset(way.get("fields", ())),
                material_kind=way.get("document"),
            )
            for way in value["ways"]
        ),
    )


def _faults(definition: Mapping[str, Any]) -> list[Fault]:
    need = _Needs()
    code, basic_code = definition.get("code"), definition.get("basic_code")
    need(
        isinstance(code, str) and re.fullmatch(r"[0-9A-Z]{31}", code),
        "/code", "须为31位实施编码", "must be an implementation code of 31 characters",
    )  # fmt: skip
    need(
        isinstance(basic_code, str) and re.fullmatch(r"[0-9A-Z]{12}", basic_code),
        "/basic_code", "须为12位基本编码", "must be a basic code of 12 characters",
    )  # fmt: skip
    for field in ("department", "legal_ground"):
        need(_text(definition.get(field)), f"/{field}", "不能为空", "must be given")
    need(_names(definition.get("name")), "/name", "须有中英文名称", "must have zh and en")
    limit = definition.get("time_limit_working_days")
    need(
        isinstance(limit, int) and 0 < limit < 1000,
        "/time_limit_working_days", "须为1至999的整数", "must be a whole number from 1 to 999",
    )  # fmt: skip
    materials = definition.get("materials")
    need(isinstance(materials, list) and materials, "/materials", "不能为空", "must not be empty")
    seen: set[str] = set()
    for number, material in enumerate(materials if isinstance(materials, list) else ()):
        place = f"/materials/{number}"
        if need(isinstance(material, dict), place, "须为对象", "must be an object"):
            need(material.get("code") not in seen, f"{place}/code", "重复", "must be unique")
            seen.add(str(material.get("code")))
            _check_material(material, place, need)
    return need.faults


def _check_material(material: Mapping[str, Any], place: str, need: _Needs) -> None:
    need(_text(material.get("code")), f"{place}/code", "不能为空", "must be given")
    need(_names(material.get("name")), f"{place}/name", "须有中英文名称", "must have zh and en")
    ways = material.get("ways")
    need(isinstance(ways, list) and ways, f"{place}/ways", "不能为空", "must not be empty")
    for index, way in enumerate(ways if isinstance(ways, list) else ()):
        here = f"{place}/ways/{index}"
        if need(isinstance(way, dict), here, "须为对象", "must be an object"):
            certificate = _text(way.get("certificate"))
            need(
                certificate != _text(way.get("document")),
                here,
                "须且只须给出 certificate 或 document 之一",
                "must give exactly one of certificate and document",
            )
            need(
                not certificate or way.get("fields"),
                f"{here}/fields", "须列出所需字段", "must list the fields needed",
            )  # fmt: skip


class _Needs:
    """Collects what does not hold; says whether it did."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def __call__(self, holds: object, field: str, zh: str, en: str) -> bool:
        if not holds:
            self.faults.append(Fault(field, zh, en))
        return bool(holds)


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _names(value: object) -> bool:
    return isinstance(value, dict) and _text(value.get("zh")) and _text(value.get("en"))
