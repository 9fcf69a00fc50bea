"""证照类型 · certificate types, read from definition files (TOML).

A definition is readable by whoever answers for the certificate; `definition.schema.json` says
its form, and what no schema can say (check digits, repeated names, patterns that do not compile,
personal data without a mask) is checked here. All faults of a file are named at once.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import orjson
from stdnum.cn import uscc

from certstore.certificate_type import (
    LINEAR,
    CertificateType,
    FieldDefinition,
    Sensitivity,
    Title,
    Validity,
)
from certstore.errors import Fault, TypeDefinitionError
from certstore.holders import STANDARD, HolderIdType

__all__ = [
    "CertificateType",
    "FieldDefinition",
    "Sensitivity",
    "Title",
    "Validity",
    "load_types",
    "read_type",
]

_LOCAL: Final = re.compile(r"x-[a-z0-9]+(-[a-z0-9]+)*")
_DEFAULT_MASK: Final = {"public": "none", "internal": "none", "personal": "first1last1"}


def load_types(directory: Path | None = None) -> Mapping[str, CertificateType]:
    """The certificate types defined by the `*.toml` files of `directory`, by key.

    Without a directory, the three sample types that come with this library. Raises
    TypeDefinitionError (code `definition-invalid`) naming every fault of every file; a folder
    without definitions and a key or code defined twice are faults too.
    """
    home = directory if directory is not None else Path(str(files("certstore") / "definitions"))
    types: dict[str, CertificateType] = {}
    faults: list[Fault] = []
    for path in sorted(home.glob("*.toml")):
        try:
            found = read_type(path.read_bytes(), where=path.name)
        except OSError:
            faults.append(Fault(path.name, "unreadable", "文件无法读取", "cannot be read"))
        except TypeDefinitionError as error:
            faults.extend(error.faults)
        else:
            if found.key in types or any(one.code == found.code for one in types.values()):
                faults.append(
                    Fault(path.name, "repeated", "类型已由另一文件定义", "defined by another file")
                )
            types[found.key] = found
    if not types and not faults:
        faults.append(Fault(home.name, "empty", "没有类型定义文件", "no definition files"))
    _raise_if_any(faults)
    return types


def read_type(content: bytes, *, where: str) -> CertificateType:
    """The certificate type that a definition file's `content` defines; `where` names the file.

    Raises TypeDefinitionError (code `definition-invalid`) with every fault.
    """
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        _raise_if_any([Fault(where, "not-toml", "不是有效的TOML文件", "not a TOML file")])
        raise AssertionError from None
    faults = list(_form_faults(document, where))
    _raise_if_any(faults)
    faults = list(_sense_faults(document, where))
    _raise_if_any(faults)
    return _build(document)


def _raise_if_any(faults: list[Fault]) -> None:
    if faults:
        raise TypeDefinitionError(
            "definition-invalid",
            "证照类型定义有误",
            "the definition of a certificate type is wrong",
            faults,
        )


@cache
def _definition_schema() -> Any:
    text = (files("certstore") / "definition.schema.json").read_bytes()
    return jsonschema_rs.validator_for(orjson.loads(text), validate_formats=True)


def _form_faults(document: Mapping[str, Any], where: str) -> Iterable[Fault]:
    for error in _definition_schema().iter_errors(document):
        path = "/".join(str(step) for step in error.instance_path)
        yield Fault(
            f"{where}#{path}",
            "form",
            "不符合定义文件的格式",
            f"not of the form a definition has ({error.message[:200]})",
        )


def _sense_faults(document: Mapping[str, Any], where: str) -> Iterable[Fault]:
    if not uscc.is_valid(document["defined_by"]):
        yield _uscc_fault(f"{where}#defined_by")
    if document["code"][:18] != document["defined_by"]:
        yield Fault(
            f"{where}#code",
            "code",
            "类型代码应以制定机构的统一社会信用代码开头",
            "the type code begins with the code of the defining body",
        )
    issuers = document["issuers"]
    for position, issuer in enumerate(issuers if isinstance(issuers, list) else ()):
        if not uscc.is_valid(issuer):
            yield _uscc_fault(f"{where}#issuers/{position}")
    yield from _holder_faults(document["holder_ids"], where)
    yield from _field_faults(document["fields"], where)


def _uscc_fault(field: str) -> Fault:
    return Fault(
        field, "uscc", "统一社会信用代码校验不符", "not a valid unified social credit code"
    )


def _holder_faults(listed: list[Mapping[str, Any]], where: str) -> Iterable[Fault]:
    for code, times in Counter(one["code"] for one in listed).items():
        if times > 1:
            yield Fault(f"{where}#holder_ids/{code}", "repeated", "重复", "named twice")
    for one in listed:
        at = f"{where}#holder_ids/{one['code']}"
        local = _LOCAL.fullmatch(one["code"]) is not None
        if not local and one["code"] not in STANDARD:
            yield Fault(
                at,
                "holder-id-type",
                "未知的证件类型；本地类型以x-开头",
                "an unknown kind of id; local ones begin with x-",
            )
        if local and not {"pattern", "title"} <= one.keys():
            yield Fault(
                at,
                "holder-id-type",
                "本地证件类型须有名称和格式",
                "a local kind of id has a title and a pattern",
            )
        if not local and "pattern" in one:
            yield Fault(
                at,
                "holder-id-type",
                "标准证件类型不得另定格式",
                "a standard kind keeps its pattern",
            )
        if "pattern" in one and not _compiles(one["pattern"]):
            yield Fault(f"{at}/pattern", "pattern", "正则表达式有误", "not a regular expression")


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _field_faults(listed: list[Mapping[str, Any]], where: str) -> Iterable[Fault]:
    for name, times in Counter(one["name"] for one in listed).items():
        if times > 1:
            yield Fault(f"{where}#fields/{name}", "repeated", "字段重复", "two fields of one name")
    for one in listed:
        at = f"{where}#fields/{one['name']}"
        try:
            jsonschema_rs.validator_for(
                one["schema"], validate_formats=True, pattern_options=LINEAR
            )
        except (ValueError, TypeError, jsonschema_rs.ValidationError):
            yield Fault(f"{at}/schema", "schema", "JSON Schema有误", "not a JSON Schema")
        if one["sensitivity"] == "personal" and one.get("mask") == "none":
            yield Fault(
                f"{at}/mask",
                "mask",
                "个人信息必须遮蔽",
                "personal data has a mask other than none",
            )


def _build(document: Mapping[str, Any]) -> CertificateType:
    issuers = document["issuers"]
    return CertificateType(
        key=document["key"],
        version=document["version"],
        code=document["code"],
        title=Title(**document["title"]),
        defined_by=document["defined_by"],
        issuers=None if issuers == "any" else frozenset(issuers),
        holder_ids={one["code"]: _holder_id_type(one) for one in document["holder_ids"]},
        fields=tuple(
            FieldDefinition(
                name=one["name"],
                title=Title(**one["title"]),
                schema=one["schema"],
                required=one.get("required", False),
                sensitivity=one["sensitivity"],
                mask=one.get("mask", _DEFAULT_MASK[one["sensitivity"]]),
                metadata=one.get("metadata"),
            )
            for one in document["fields"]
        ),
        validity=document["validity"],
    )


def _holder_id_type(one: Mapping[str, Any]) -> HolderIdType:
    if one["code"] in STANDARD:
        return STANDARD[one["code"]]
    return HolderIdType(one["code"], one["title"]["zh"], one["title"]["en"], one["pattern"])
