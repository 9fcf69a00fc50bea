"""One row of a register to a record in the words of a certificate type, or to what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from connectors.adapters import SourceRow
from connectors.canonical import content_hash
from connectors.definition_shape import Column, Definition
from connectors.faults import row_fault
from connectors.parsers import Unreadable, find_key, parse
from connectors.records import RegisterRecord, RowFault


@dataclass(frozen=True, slots=True)
class MappedRow:
    """A row with its record, or with the faults that kept it from becoming one.

    ``record_key`` is the row's key as far as it could be read, ``dates`` its mapped dates under
    the names an expectation uses (``record.valid_from``), readable ones only.
    """

    row: SourceRow
    record_key: str | None
    record: RegisterRecord | None
    dates: Mapping[str, str | None]
    faults: tuple[RowFault, ...]


def map_row(row: SourceRow, definition: Definition) -> MappedRow:
    """Map one row. Everything wrong with it is named at once."""
    reading = _Reading(row.values)
    column = definition.record.key.column
    broken = any(fault.column == column for fault in row.faults)
    key = None if broken else find_key(row.values, definition.record.key)
    if row.faults:
        return MappedRow(row, key, None, {}, row.faults)
    record = _record(reading, row.row_number, definition)
    dates = {
        "record.valid_from": reading.found.get("validity.valid_from"),
        "record.valid_until": reading.found.get("validity.valid_until"),
        "record.issued_on": reading.found.get("validity.issued_on"),
        "record.state_since": reading.found.get("state.since"),
    }
    faults = tuple(reading.faults.values())
    return MappedRow(row, key, None if faults else record, dates, faults)


class _Reading:
    """Reads cells and gathers what is wrong, one fault per column and rule."""

    def __init__(self, values: Mapping[str, str | None]) -> None:
        self.values = values
        self.found: dict[str, str] = {}
        self.faults: dict[tuple[str, str], RowFault] = {}

    def fault(self, rule: str, column: str, cell: str | None) -> None:
        self.faults.setdefault((rule, column), row_fault(rule, column, cell))

    def optional(self, place: str, column: Column | None) -> str | None:
        """Read a cell that may be absent unless its column says otherwise."""
        if column is None:
            return None
        cell = self.values.get(column.column)
        if cell is None:
            if column.required:
                self.fault("missing-required", column.column, None)
            return None
        try:
            self.found[place] = parse(cell, column)
        except Unreadable as unreadable:
            self.fault(unreadable.rule, column.column, cell)
        return self.found.get(place)

    def required(self, place: str, column: Column) -> str:
        """Read a cell every record needs; an empty text stands in beside the fault."""
        if self.values.get(column.column) is None:
            self.fault("missing-required", column.column, None)
        return self.optional(place, column) or ""

    def day(self, place: str, column: Column | None) -> date | None:
        text = self.optional(place, column)
        return None if text is None else date.fromisoformat(text)

    def state(self, definition: Definition) -> str:
        state = definition.state
        if state.column is None:
            return state.constant or ""
        cell = self.values.get(state.column)
        if cell is None:
            self.fault("missing-required", state.column, None)
            return ""
        code = state.values.get(cell)
        if code is None:
            self.fault("unknown-state", state.column, cell)
        return code or ""


def _record(reading: _Reading, row_number: int, definition: Definition) -> RegisterRecord:
    """Read every cell, faulty ones too; the caller throws the record away if there is any fault."""
    holder, validity = definition.holder, definition.validity
    read = {
        name: reading.optional(f"fields.{name}", column)
        for name, column in definition.fields.items()
    }
    record_key = reading.required("record.key", definition.record.key)
    serial = reading.required("record.serial", definition.record.serial)
    holder_id = reading.required("holder.id", holder.id)
    holder_name = reading.required("holder.name", holder.name)
    fields = {name: value for name, value in read.items() if value is not None}
    valid_from = reading.day("validity.valid_from", validity.valid_from)
    valid_until = reading.day("validity.valid_until", validity.valid_until)
    issued_on = reading.day("validity.issued_on", validity.issued_on)
    state = reading.state(definition)
    state_since = reading.day("state.since", definition.state.since)
    content = {
        "record_key": record_key,
        "serial": serial,
        "holder_id_type": holder.id_type,
        "holder_id": holder_id,
        "holder_name": holder_name,
        "fields": fields,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "issued_on": issued_on,
        "state": state,
        "state_since": state_since,
    }
    return RegisterRecord(
        record_key=record_key,
        content_hash=content_hash(content),
        serial=serial,
        holder_id_type=holder.id_type,
        holder_id=holder_id,
        holder_name=holder_name,
        fields=fields,
        valid_from=valid_from,
        valid_until=valid_until,
        issued_on=issued_on,
        state=state,
        state_since=state_since,
        row_number=row_number,
    )
