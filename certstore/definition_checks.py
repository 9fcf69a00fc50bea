"""What is wrong with a certificate type's definition that no schema can say. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, Final

import jsonschema_rs
from stdnum.cn import uscc

from certstore.certificate_type import LINEAR
from certstore.errors import Fault
from certstore.field_schemas import find_schema_fault
from certstore.holders import STANDARD

MOST_DEEP: Final = 16
MOST_INTEGER: Final = 2**53 - 1

METADATA_NAMES: Final = frozenset(
    {
        "ZZMC", "ZZLXDM", "ZZBH", "ZZBS", "ZZBFJG", "ZZBFJGDM", "ZZBFRQ", "CZZT", "CZZTDM",
        "CZZTDMLX", "CZZTDMLXDM", "ZZYXQQSRQ", "ZZYXQJZRQ", "ZZQZR", "ZZQZSJ", "ZZQZMC", "CJSJ",
    }
)  # fmt: skip
"""Names that GB/T 36903 fixes; what a type adds begins with KZ_."""

_LOCAL: Final = re.compile(r"x-[a-z0-9]+(-[a-z0-9]+)*")


def as_json(value: Any, depth: int = 1) -> Any:
    """A TOML document as JSON has it: days and times as texts.

    Raises ValueError for what JSON cannot carry (nan, integers beyond 53 bits) or what is nested
    more than 16 deep.
    """
    if depth > MOST_DEEP:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        return {name: as_json(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [as_json(each, depth + 1) for each in value]
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    if type(value) is int and abs(value) > MOST_INTEGER:
        raise ValueError("beyond 53 bits")
    return value


def sense_faults(document: Mapping[str, Any], where: str) -> Iterable[Fault]:
    """Every fault of a definition that has the form of one; `where` names the file."""
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
    yield from _template_faults(document, where)
    yield from _validity_faults(document["validity"], f"{where}#validity")
    yield from _change_faults(document, f"{where}#change")


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
            yield Fault(
                f"{at}/pattern",
                "pattern",
                "正则表达式有误，或不能在线性时间内匹配",
                "not a regular expression, or none that matches in linear time",
            )


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR)
    except (re.error, OverflowError, RecursionError, ValueError, jsonschema_rs.ValidationError):
        return False
    return True


def _field_faults(listed: list[Mapping[str, Any]], where: str) -> Iterable[Fault]:
    for name, times in Counter(one["name"] for one in listed).items():
        if times > 1:
            yield Fault(f"{where}#fields/{name}", "repeated", "字段重复", "two fields of one name")
    named = Counter(one["metadata"] for one in listed if "metadata" in one)
    for one in listed:
        at = f"{where}#fields/{one['name']}"
        fault = find_schema_fault(one["schema"])
        if fault is not None:
            yield Fault(f"{at}/schema", "schema", *fault)
        if one["sensitivity"] == "personal" and one.get("mask") == "none":
            yield Fault(
                f"{at}/mask",
                "mask",
                "个人信息必须遮蔽",
                "personal data has a mask other than none",
            )
        metadata = one.get("metadata")
        if metadata is not None and named[metadata] > 1:
            yield Fault(
                f"{at}/metadata",
                "repeated",
                "两个字段用同一元数据名称",
                "two fields have this name",
            )
        elif metadata and metadata not in METADATA_NAMES and not metadata.startswith("KZ_"):
            yield Fault(
                f"{at}/metadata",
                "metadata",
                "不是 GB/T 36903 的名称；扩展名称以 KZ_ 开头",
                "no name of GB/T 36903; further ones begin with KZ_",
            )


def _template_faults(document: Mapping[str, Any], where: str) -> Iterable[Fault]:
    names = {one["name"] for one in document["fields"]}
    for part in ("large", "wide"):
        for name in document.get("template", {}).get(part, ()):
            if name not in names:
                yield Fault(
                    f"{where}#template/{part}", "unknown-field", "没有这个字段", "no such field"
                )


def _validity_faults(rule: str | Mapping[str, Any], at: str) -> Iterable[Fault]:
    stated = {"kind": rule} if isinstance(rule, str) else rule
    kind = stated["kind"]
    needed = {"fixed": "length", "until": "until"}.get(kind)
    if needed is not None and needed not in stated:
        yield Fault(f"{at}/{needed}", "required", "必填项缺失", "missing")
    for name, kinds in (
        ("length", {"fixed"}),
        ("until", {"until"}),
        ("longest", {"term", "either"}),
        ("ends", {"fixed", "term", "either"}),
        ("renewal", {"fixed", "until", "term", "either"}),
    ):
        if name in stated and kind not in kinds:
            yield Fault(
                f"{at}/{name}",
                "not-of-this-kind",
                f"有效期种类 {kind} 不用此项",
                f"a validity of the kind {kind} does not have this",
            )


def _change_faults(document: Mapping[str, Any], at: str) -> Iterable[Fault]:
    change = document.get("change")
    if change is None:
        if document["version"] > 1:
            yield Fault(
                f"{at}/summary",
                "required",
                "后续版本须说明变更内容",
                "a later version says what it changes",
            )
        return
    if document["version"] == 1:
        yield Fault(at, "not-of-this-kind", "首个版本没有变更", "a first version changes nothing")
    if change.get("breaking", False) and "reason" not in change:
        yield Fault(
            f"{at}/reason",
            "required",
            "不兼容变更须说明理由",
            "a breaking change says why",
        )
