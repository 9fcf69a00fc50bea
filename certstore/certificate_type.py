"""证照类型 · a certificate type: who defines it, who may issue it, and what stands in it.

A type is immutable; a change of its fields is a new `version` with a new `vct`. The JSON Schema
of its fields is compiled once and checks every certificate that is issued.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Final, Literal

import jsonschema_rs
import orjson

from certstore.errors import Fault, FieldErrors
from certstore.holders import Holder, HolderIdType, find_holder_fault
from certstore.masking import Masking
from certstore.validity import Period, Validity, ValidityRule

__all__ = [
    "LINEAR",
    "CertificateType",
    "ChangeNote",
    "FieldDefinition",
    "Retention",
    "Sensitivity",
    "Template",
    "Title",
    "Validity",
    "ValidityRule",
]

Sensitivity = Literal["public", "internal", "personal"]

LINEAR: Final = jsonschema_rs.RegexOptions()
"""Patterns run in linear time: no definition can make a row take for ever."""


@dataclass(frozen=True, slots=True)
class Title:
    """A name in both languages."""

    zh: str
    en: str

    def as_dict(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """One field: its JSON Schema, whether it must be there, how sensitive it is, how it is masked.

    `metadata` is the name of the field in a GB/T 36903 record, or None.
    """

    name: str
    title: Title
    schema: Mapping[str, Any]
    required: bool
    sensitivity: Sensitivity
    mask: Masking
    metadata: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """How certificates are drawn; what is None or empty is left to the template itself.

    `colour` is that of border and ornament, `ink` that of the title, both `#rrggbb`; `large` are
    the names of the fields that stand out, `wide` those that take the whole width.
    """

    orientation: Literal["portrait", "landscape"] | None = None
    colour: str | None = None
    ink: str | None = None
    large: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What is set, by name."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True)
class Retention:
    """How many years a sealed file is kept after the certificate's last day, or its making."""

    years: int = 30

    def kept_until(self, made_on: date, valid_until: date | None) -> date:
        """The last day a file that was made on a day is kept."""
        counted_from = max(made_on, valid_until or made_on)
        return Period(years=self.years).last_day(counted_from, "corresponding-day")


@dataclass(frozen=True, slots=True)
class ChangeNote:
    """What a later version changes, in its publisher's words, and whether it is meant to break."""

    summary: Title
    breaking: bool = False
    reason: Title | None = None


@dataclass(frozen=True, slots=True)
class CertificateType:
    """One version of one kind of certificate.

    `code` (21 characters, GB/T 36904) is the defining body's USCC and three digits; `issuers` are
    the codes of the departments that may issue it, or None for any. `change` says what this
    version changes; a first version has none. `published_integrity` is that of the Type Metadata
    as it was published.
    """

    key: str
    version: int
    code: str
    title: Title
    defined_by: str
    issuers: frozenset[str] | None
    holder_ids: Mapping[str, HolderIdType]
    fields: tuple[FieldDefinition, ...]
    validity: ValidityRule
    template: Template = Template()
    retention: Retention = Retention()
    description: Title | None = None
    change: ChangeNote | None = None
    published_integrity: str | None = field(default=None, compare=False)
    _validator: Any = field(init=False, repr=False, compare=False)
    _by_name: Mapping[str, FieldDefinition] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_validator", _compiled(orjson.dumps(self.json_schema())))
        object.__setattr__(self, "_by_name", {one.name: one for one in self.fields})

    def __reduce__(self) -> tuple[object, ...]:
        return CertificateType, (
            self.key,
            self.version,
            self.code,
            self.title,
            self.defined_by,
            self.issuers,
            self.holder_ids,
            self.fields,
            self.validity,
            self.template,
            self.retention,
            self.description,
            self.change,
            self.published_integrity,
        )

    @property
    def vct(self) -> str:
        """The SD-JWT VC type: `urn:yici:certificate:<key>:<version>`."""
        return f"urn:yici:certificate:{self.key}:{self.version}"

    @property
    def vct_integrity(self) -> str:
        """The claim `vct#integrity`: `sha256-…` over the bytes of the Type Metadata document, as
        they were published or, of a type that was not, as they would be."""
        if self.published_integrity is not None:
            return self.published_integrity
        from certstore.type_metadata import integrity_of, metadata_bytes

        return integrity_of(metadata_bytes(self))

    def find_field(self, name: str) -> FieldDefinition | None:
        return self._by_name.get(name)

    def may_issue(self, department: str) -> bool:
        """Whether the department with this code may issue certificates of this type."""
        return self.issuers is None or department in self.issuers

    def end_of(self, valid_from: date) -> date | None:
        """The last day that the validity rule fixes, or None where the issuer states it."""
        return self.validity.end_of(valid_from)

    def may_renew_on(self, valid_until: date | None, on: date) -> bool:
        """Whether a certificate that ends on a day may be renewed (延续) on another."""
        return self.validity.may_renew_on(valid_until, on)

    def masks(self, names: Iterable[str]) -> dict[str, Masking]:
        """The masks of the fields of these names that this version has and that have one."""
        known = ((name, self._by_name.get(name)) for name in names)
        return {name: one.mask for name, one in known if one is not None and one.mask != "none"}

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12) of the object of all fields."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {one.name: dict(one.schema) for one in self.fields},
            "required": [one.name for one in self.fields if one.required],
            "additionalProperties": False,
        }

    def accepts(self, fields: Mapping[str, Any]) -> bool:
        """Whether `fields` fit the schema: the fast answer, without reasons."""
        return bool(self._validator.is_valid(fields))

    def faults_of(self, fields: Mapping[str, Any]) -> list[Fault]:
        """Every fault of `fields`: the field and the rule it breaks, never its value."""
        return [
            fault for error in self._validator.iter_errors(fields) for fault in _field_faults(error)
        ]

    def check(
        self,
        *,
        issuer: str,
        holder: Holder,
        fields: Mapping[str, Any],
        valid_from: date,
        valid_until: date | None,
    ) -> None:
        """Raise FieldErrors (code `certificate-invalid`) naming every fault of a certificate."""
        faults: list[Fault] = [] if self.accepts(fields) else self.faults_of(fields)
        holder_fault = find_holder_fault(holder, self.holder_ids)
        if holder_fault is not None:
            faults.append(holder_fault)
        if not self.may_issue(issuer):
            faults.append(
                Fault(
                    "issuer",
                    "issuer-not-allowed",
                    "该部门无权颁发此类证照",
                    "this department may not issue this certificate type",
                )
            )
        faults.extend(self.validity.faults(valid_from, valid_until))
        if faults:
            raise FieldErrors(
                "certificate-invalid",
                "证照内容不符合类型定义",
                "the certificate does not fit its type",
                faults,
            )


@lru_cache(maxsize=256)
def _compiled(schema: bytes) -> Any:
    return jsonschema_rs.validator_for(
        orjson.loads(schema), validate_formats=True, pattern_options=LINEAR
    )


_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "type": ("数据类型不符", "of the wrong type"),
    "enum": ("不在允许的取值之内", "not one of the allowed values"),
    "const": ("不是规定的值", "not the fixed value"),
    "pattern": ("格式不符", "not of the required form"),
    "format": ("格式不符", "not of the required form"),
    "minLength": ("内容过短", "too short"),
    "maxLength": ("内容过长", "too long"),
    "minimum": ("数值过小", "too small"),
    "maximum": ("数值过大", "too large"),
    "exclusiveMinimum": ("数值过小", "too small"),
    "exclusiveMaximum": ("数值过大", "too large"),
    "multipleOf": ("数值不是规定单位的倍数", "not a multiple of the required step"),
    "minItems": ("项目过少", "too few items"),
    "maxItems": ("项目过多", "too many items"),
    "uniqueItems": ("项目重复", "items are repeated"),
}


def _field_faults(error: Any) -> Iterable[Fault]:
    path = ".".join(str(step) for step in error.instance_path)
    kind = error.kind
    rule = str(error.schema_path[-1]) if error.schema_path else "schema"
    if rule == "required":
        name = f"{path}.{kind.property}" if path else str(kind.property)
        yield Fault(name, "required", "必填项缺失", "missing")
    elif rule == "additionalProperties":
        for unexpected in kind.unexpected:
            name = f"{path}.{unexpected}" if path else str(unexpected)
            yield Fault(name, "unknown-field", "类型定义中没有此项", "not a field of this type")
    else:
        zh, en = _RULES.get(rule, ("不符合类型定义", "does not fit the definition"))
        yield Fault(path or "fields", rule, zh, en)
