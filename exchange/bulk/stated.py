"""What a row of an issuing job states: a certificate's term, ready to be planned. Pure.

JSON Lines: ``{"serial": …, "holder": {"id_type": …, "id": …, "name": …}, "fields": {…},
"valid_from": "2026-01-01", "valid_until": null, "issued_on": …, "state": "01",
"state_since": …}``; what is behind ``valid_from`` may be left out. CSV: the same names as
columns, ``holder_id_type``, ``holder_id``, ``holder_name``, and the names of the type's fields
(``fields.NAME`` where a field is called like one of these); an empty cell states nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import orjson

from certstore.errors import CertstoreError
from certstore.identifiers import serial_from
from certstore.types import CertificateType, FieldDefinition
from exchange.bulk.records import Refusal
from exchange.bulk.rows import Row
from exchange.certificates.records import Issuable
from exchange.errors import BadRequest, Fault

_HOLDER: Final = ("id_type", "id", "name")
_DATES: Final = ("valid_from", "valid_until", "issued_on", "state_since")
_MEMBERS: Final = frozenset({"serial", "holder", "fields", "state", *_DATES})
_COLUMNS: Final = frozenset({"serial", "state", *_DATES, *(f"holder_{each}" for each in _HOLDER)})
_NEEDED_COLUMNS: Final = ("serial", "valid_from", *(f"holder_{each}" for each in _HOLDER))


class Stating:
    """Reads the rows of one certificate type."""

    def __init__(self, kind: CertificateType, form: str) -> None:
        self._kind = kind
        self._form = form
        self._field_of = {
            name: each
            for each in kind.fields
            for name in (f"fields.{each.name}", each.name)
            if name not in _COLUMNS
        }

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raise BadRequest where the columns of a CSV file would have every row refused."""
        unknown = [name for name in columns if name not in _COLUMNS and name not in self._field_of]
        needed = [
            *_NEEDED_COLUMNS,
            *(each.name for each in self._kind.fields if each.required),
        ]
        missing = [
            name for name in needed if name not in columns and f"fields.{name}" not in columns
        ]
        faults = [
            *(Fault(name, "证照类型没有此列", "no column of this type") for name in unknown),
            *(Fault(name, "缺少此列", "the column is missing") for name in missing),
        ]
        if faults:
            raise BadRequest(
                "文件的列与证照类型不符。",
                "The file's columns do not fit the certificate type.",
                faults=tuple(faults[:50]),
            )

    def read(self, row: Row) -> Issuable | list[Refusal]:
        """The term that a row states, or everything wrong with its form. Whether the values fit
        the type is judged later, by the type itself."""
        if row.fault is not None:
            return [row.fault]
        faults: list[Refusal] = []
        values = row.values if self._form == "jsonl" else self._members(row, faults)
        serial, holder, fields = values.get("serial"), values.get("holder"), values.get("fields")
        for name in values.keys() - _MEMBERS:
            faults.append(_refusal(row, name[:100], "unknown-member", "没有此项", "no such member"))
        serial = self._serial(row, serial, faults)
        if not _is_holder(holder):
            faults.append(_refusal(row, "holder", *_NOT_A_HOLDER))
        if not isinstance(fields, dict):
            faults.append(_refusal(row, "fields", "type", "须为对象", "must be an object"))
        dates = {name: _date(row, name, values.get(name), faults) for name in _DATES}
        state = values.get("state", "01")
        if not isinstance(state, str):
            faults.append(_refusal(row, "state", "type", "须为文本", "must be a text"))
        if faults:
            return faults
        assert isinstance(holder, dict)  # noqa: S101  # a fault was found otherwise
        return Issuable(
            source_key=f"{serial}@{dates['valid_from'] or '-'}",
            source_hash=content_hash(values),
            serial=serial,
            holder_id_type=holder["id_type"],
            holder_id=holder["id"],
            holder_name=holder["name"],
            fields=fields,  # type: ignore[arg-type]
            valid_from=dates["valid_from"],
            valid_until=dates["valid_until"],
            issued_on=dates["issued_on"],
            state=state,
            state_since=dates["state_since"],
            row_number=row.number,
        )

    def _serial(self, row: Row, given: Any, faults: list[Refusal]) -> str:
        try:
            return serial_from(given if isinstance(given, str) else "")
        except CertstoreError as error:
            faults.append(_refusal(row, "serial", error.code, error.zh, error.en))
            return ""

    def _members(self, row: Row, faults: list[Refusal]) -> dict[str, Any]:
        """The members that the cells of a CSV row stand for."""
        members: dict[str, Any] = {"holder": {}, "fields": {}}
        for name, text in row.values.items():
            cell = text.strip()
            if not cell:
                continue
            field = self._field_of.get(name)
            if name.startswith("holder_") and name in _COLUMNS:
                members["holder"][name.removeprefix("holder_")] = cell
            elif name in _COLUMNS:
                members[name] = cell
            elif field is not None:
                try:
                    members["fields"][field.name] = value_of(field, cell)
                except ValueError:
                    zh, en = "数据类型不符", "of the wrong type"
                    faults.append(_refusal(row, field.name, "type", zh, en))
        return members


def value_of(field: FieldDefinition, cell: str) -> Any:
    """The JSON value that a cell writes for a field. Raises ValueError."""
    kinds = field.schema.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if "string" in kinds:
        return cell
    value = orjson.loads(cell)
    named = {bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}
    kind = named.get(type(value), "null")
    if kind in kinds or (kind == "integer" and "number" in kinds):
        return value
    raise ValueError(kind)


def content_hash(values: Mapping[str, Any]) -> str:
    """What two rows of the same content have in common, whatever order they name it in."""
    stated = {name: value for name, value in values.items() if value is not None}
    return hashlib.sha256(orjson.dumps(stated, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _is_holder(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == set(_HOLDER)
        and all(isinstance(value[name], str) and value[name] for name in _HOLDER)
    )


def _date(row: Row, name: str, value: Any, faults: list[Refusal]) -> date | None:
    if value is None or value == "":
        if name == "valid_from":
            zh, en = "没有起始日期", "it has no first day of validity"
            faults.append(_refusal(row, name, "no-start", zh, en))
        return None
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass
    faults.append(_refusal(row, name, "date", "须为 YYYY-MM-DD 的日期", "must be YYYY-MM-DD"))
    return None


_NOT_A_HOLDER: Final = (
    "holder", "须有证件类型、证件号和名称", "must have id_type, id and name, and nothing else",
)  # fmt: skip


def _refusal(row: Row, field: str | None, rule: str, zh: str, en: str) -> Refusal:
    return Refusal(row.number, field, rule, zh, en)
