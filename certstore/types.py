"""证照类型 · certificate types, read from definition files (TOML).

A definition is readable by whoever answers for the certificate; `definition.schema.json` says
its form, and what no schema can say (check digits, repeated names, patterns that do not compile,
personal data without a mask) is checked here. All faults of a file are named at once.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import orjson

from certstore.certificate_type import (
    CertificateType,
    ChangeNote,
    FieldDefinition,
    Retention,
    Sensitivity,
    Template,
    Title,
)
from certstore.definition_checks import as_json, sense_faults
from certstore.errors import Fault, TypeDefinitionError
from certstore.holders import STANDARD, HolderIdType
from certstore.type_metadata import integrity_of
from certstore.validity import Period, Validity, ValidityRule

__all__ = [
    "CertificateType",
    "FieldDefinition",
    "Sensitivity",
    "Title",
    "Validity",
    "canonical_text",
    "digest_of",
    "load_types",
    "read_published",
    "read_type",
    "sample_texts",
    "says_the_same",
]

MOST_BYTES: Final = 262_144
"""Of one definition."""

_INVALID: Final = (
    "definition-invalid",
    "证照类型定义有误",
    "the definition of a certificate type is wrong",
)
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


def sample_texts() -> list[str]:
    """The texts of the three sample definitions that come with this library."""
    home = Path(str(files("certstore") / "definitions"))
    return [canonical_text(path.read_bytes().decode()) for path in sorted(home.glob("*.toml"))]


def canonical_text(text: str) -> str:
    """A definition's text without byte order mark, with LF line ends and one at its end."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return lines.rstrip("\n") + "\n"


def digest_of(text: str) -> str:
    """SHA-256 of a definition's text in UTF-8, hexadecimal: what `sha256sum` says of the file."""
    return hashlib.sha256(text.encode()).hexdigest()


def says_the_same(one: str, other: str) -> bool:
    """Whether two sound definitions differ in comments and layout at most."""
    parsed = (as_json(tomllib.loads(text)) for text in (one, other))
    return len({orjson.dumps(document, option=orjson.OPT_SORT_KEYS) for document in parsed}) == 1


def read_type(content: bytes, *, where: str) -> CertificateType:
    """The certificate type that a definition file's `content` defines; `where` names the file.

    Raises TypeDefinitionError (code `definition-invalid`) with every fault.
    """
    document = _parsed(content, where)
    _raise_if_any(list(_form_faults(document, where)))
    _raise_if_any(list(sense_faults(document, where)))
    return _build(document)


def read_published(text: str, metadata: bytes) -> CertificateType:
    """The certificate type of a definition that was checked when it was published.

    Rules that came later do not hold against it, and its Type Metadata stays what it was. Raises
    TypeDefinitionError for what is no TOML.
    """
    kind = _build(_parsed(text.encode(), "definition"))
    return replace(kind, published_integrity=integrity_of(metadata))


def _parsed(content: bytes, where: str) -> dict[str, Any]:
    fault = Fault(where, "not-toml", "不是有效的TOML文件", "not a TOML file")
    if len(content) > MOST_BYTES:
        fault = Fault(where, "too-large", f"超过{MOST_BYTES}字节", f"more than {MOST_BYTES} bytes")
    else:
        try:
            document: dict[str, Any] = as_json(tomllib.loads(content.decode("utf-8")))
            return document
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            pass
        except (ValueError, RecursionError):
            fault = Fault(
                where,
                "not-json",
                "含JSON无法表示的数值，或嵌套过深",
                "holds a number that JSON cannot carry, or is nested too deep",
            )
    raise TypeDefinitionError(*_INVALID, [fault])


def _raise_if_any(faults: list[Fault]) -> None:
    if faults:
        raise TypeDefinitionError(*_INVALID, faults)


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
        validity=_validity(document["validity"]),
        template=_template(document.get("template", {})),
        retention=Retention(**document.get("retention", {})),
        description=_title(document.get("description")),
        change=_change(document.get("change")),
    )


def _template(stated: Mapping[str, Any]) -> Template:
    return Template(
        orientation=stated.get("orientation"),
        colour=stated.get("colour"),
        ink=stated.get("ink"),
        large=tuple(stated.get("large", ())),
        wide=tuple(stated.get("wide", ())),
    )


def _title(text: Mapping[str, str] | None) -> Title | None:
    return None if text is None else Title(text["zh"], text["en"])


def _change(stated: Mapping[str, Any] | None) -> ChangeNote | None:
    if stated is None:
        return None
    return ChangeNote(
        Title(**stated["summary"]), stated.get("breaking", False), _title(stated.get("reason"))
    )


def _validity(stated: str | Mapping[str, Any]) -> ValidityRule:
    if isinstance(stated, str):
        return ValidityRule(kind=stated)  # type: ignore[arg-type]  # one of them by the schema
    renewal = stated.get("renewal", {})
    return ValidityRule(
        kind=stated["kind"],
        length=Period(**stated["length"]) if "length" in stated else None,
        longest=Period(**stated["longest"]) if "longest" in stated else None,
        until=date.fromisoformat(stated["until"]) if "until" in stated else None,
        ends=stated.get("ends", "day-before"),
        renew_from_days_before=renewal.get("from_days_before"),
        renew_until_days_after=renewal.get("until_days_after"),
    )


def _holder_id_type(one: Mapping[str, Any]) -> HolderIdType:
    if one["code"] in STANDARD:
        return STANDARD[one["code"]]
    return HolderIdType(one["code"], one["title"]["zh"], one["title"]["en"], one["pattern"])
