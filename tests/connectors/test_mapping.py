"""A row becomes a record, or names everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from connectors import Definition
from connectors.adapters import SourceRow
from connectors.definition_shape import Column
from connectors.faults import row_fault
from connectors.mapping import MappedRow, map_row
from connectors.masking import mask
from connectors.parsers import Unreadable, parse

GOOD = {
    "number": "s-1",
    "owner": "Anna",
    "area": "1,200.50",
    "from": "01.02.2020",
    "status": "open",
}


def mapped(definition: Definition, row_number: int = 1, **changes: str | None) -> MappedRow:
    values: Mapping[str, str | None] = {**GOOD, **changes}
    return map_row(SourceRow(row_number, values, "0" * 64), definition)


def test_a_good_row_becomes_a_record(shops: Definition) -> None:
    record = mapped(shops).record
    assert record is not None
    assert (record.record_key, record.serial, record.holder_id) == ("S-1", "S1", "S-1")
    assert record.fields == {"owner": "Anna", "area": "1200.50"}
    assert record.valid_from == date(2020, 2, 1)
    assert (record.state, record.valid_until, record.state_since) == ("01", None, None)


def test_everything_wrong_with_a_row_is_named_at_once(shops: Definition) -> None:
    changes = {"owner": None, "area": "wide", "from": "31.02.2020", "status": "burnt"}
    row = mapped(shops, **changes)
    assert row.record is None
    assert row.record_key == "S-1"
    assert {(fault.column, fault.rule, fault.masked_value) for fault in row.faults} == {
        ("owner", "missing-required", None),
        ("area", "unreadable-number", "w***e"),
        ("from", "unreadable-date", "3***0"),
        ("status", "unknown-state", "b***t"),
    }
    assert all(fault.zh and fault.en and fault.severity == "critical" for fault in row.faults)


def test_a_column_that_is_read_twice_is_named_once(shops: Definition) -> None:
    row = mapped(shops, number=None)
    assert [(fault.rule, fault.column) for fault in row.faults] == [("missing-required", "number")]
    assert row.record_key is None


def test_a_broken_key_is_no_key(shops: Definition) -> None:
    fault = row_fault("control-character", "number", "S\x001")
    broken = SourceRow(1, {**GOOD, "number": "S\x001"}, "0" * 64, (fault,))
    assert map_row(broken, shops).record_key is None
    elsewhere = SourceRow(1, GOOD, "0" * 64, (row_fault("control-character", "owner", "\x00"),))
    assert map_row(elsewhere, shops).record_key == "S-1"


def test_the_hash_is_over_the_content_and_not_over_the_place(shops: Definition) -> None:
    first, moved, changed = mapped(shops), mapped(shops, 9), mapped(shops, owner="Berta")
    assert first.record and moved.record and changed.record
    assert first.record.content_hash == moved.record.content_hash
    assert first.record.content_hash != changed.record.content_hash


@pytest.mark.parametrize(
    ("cell", "written"), [("1,234", "1234"), ("-3.50", "-3.50"), ("007", "7"), ("+2", "2")]
)
def test_a_number_has_one_written_form(cell: str, written: str) -> None:
    assert parse(cell, Column("n", "number")) == written


@pytest.mark.parametrize("cell", ["1e9", "NaN", "1,2", "1.", "٣", "0x10", "1 000"])
def test_what_is_no_plain_decimal_is_no_number(cell: str) -> None:
    with pytest.raises(Unreadable):
        parse(cell, Column("n", "number"))


@pytest.mark.parametrize(
    ("cell", "form", "written"),
    [
        ("02/16/2005", "%m/%d/%Y", "2005-02-16"),
        ("1997-03-27T00:00:00.000", "%Y-%m-%dT%H:%M:%S.%f", "1997-03-27"),
        ("1997-01-15", "%Y-%m-%d", "1997-01-15"),
    ],
)
def test_dates_of_every_form_are_written_as_iso_8601(cell: str, form: str, written: str) -> None:
    assert parse(cell, Column("d", "date", form)) == written


def test_a_serial_without_a_digit_or_letter_is_refused() -> None:
    with pytest.raises(Unreadable) as caught:
        parse("—·", Column("s", "serial"))
    assert caught.value.rule == "unusable-serial"


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("张三丰", "张***丰"),
        ("张三", "***"),
        ("x", "***"),
        ("440106199001011234", "4***4"),
        (None, None),
    ],
)
def test_only_the_first_and_last_character_survive_masking(
    value: str | None, masked: str | None
) -> None:
    assert mask(value) == masked
