"""One pull: every received row is clean or quarantined, in an order that means something."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from connectors import Batch, ConnectorError, Definition, QuarantinedRow, WorkerGate, read_batch
from connectors import preview as preview_register
from connectors.adapters import Adapter, Pull
from connectors.adapters.rows import source_row
from connectors.run import pull_batch
from tests.connectors.conftest import HEADER, Define

ROWS = [
    "S-2,Anna,10,01.02.2020,open",
    "S-1,Berta,,01.02.2021,closed",
    "X-9,Clara,,01.02.2021,open",
    "S-3,Dora,,31.02.2021,open",
    "S-2,Anna,10,01.02.2020,open",
    "S-1,Berta,99,01.02.2021,closed",
    "S-4,Ed,,01.01.2022,open",
]


def read(definition: Definition, root: Path, gate: WorkerGate, rows: Sequence[str]) -> Batch:
    (root / "shops.csv").write_text(HEADER + "\n".join(rows), encoding="utf-8")
    return read_batch(definition, root, gate=gate)


@dataclass(frozen=True)
class MemoryAdapter:
    """A source that lies in memory: what any adapter must be able to do."""

    rows: Sequence[str]

    def pull(self, definition: Definition) -> Pull:
        names = HEADER.strip().split(",")
        columns = definition.source_columns()
        cells = [dict(zip(names, row.split(","), strict=True)) for row in self.rows]
        return Pull(
            "0" * 64,
            tuple(source_row(n, c, definition, columns) for n, c in enumerate(cells, start=1)),
        )


def test_rows_part_into_clean_and_quarantined(
    shops: Definition, root: Path, gate: WorkerGate
) -> None:
    batch = read(shops, root, gate, ROWS)
    assert batch.received == 7
    assert [record.record_key for record in batch.clean] == ["S-1", "S-2", "S-4"]
    assert [(row.row_number, [f.rule for f in row.faults]) for row in batch.quarantined] == [
        (3, ["expect_column_values_to_match_regex"]),
        (4, ["unreadable-date"]),
        (5, ["duplicate-row"]),
        (6, ["duplicate-number"]),
    ]
    assert [(n.row_number, n.record_key, n.fault.severity) for n in batch.notices] == [
        (7, "S-4", "warning")
    ]
    assert batch.held is None


def test_the_first_of_two_records_for_one_number_stands(
    shops: Definition, root: Path, gate: WorkerGate
) -> None:
    batch = read(shops, root, gate, [ROWS[5], ROWS[1], ROWS[5]])
    assert [record.fields["area"] for record in batch.clean] == ["99"]
    assert [row.faults[0].rule for row in batch.quarantined] == [
        "duplicate-number",
        "duplicate-row",
    ]


def test_a_faulty_row_does_not_stand_in_the_way_of_a_good_one(
    shops: Definition, root: Path, gate: WorkerGate
) -> None:
    batch = read(shops, root, gate, ["S-1,Berta,,31.02.2021,closed", ROWS[1]])
    assert [record.row_number for record in batch.clean] == [2]


def test_a_row_the_gate_refused_does_not_stand_in_the_way_either(
    define: Define, root: Path, gate: WorkerGate
) -> None:
    strict = define({'severity = "warning"': 'severity = "critical"'})
    batch = read(strict, root, gate, ["S-1,Ed,,01.02.2021,closed", ROWS[1]])
    assert [record.row_number for record in batch.clean] == [2]


def test_the_same_pull_twice_is_the_same_batch(
    shops: Definition, root: Path, gate: WorkerGate
) -> None:
    assert read(shops, root, gate, ROWS) == read(shops, root, gate, ROWS)


def test_another_order_of_rows_changes_no_hash(
    shops: Definition, root: Path, gate: WorkerGate
) -> None:
    rows = [ROWS[0], ROWS[1], ROWS[6]]
    one = {r.record_key: r.content_hash for r in read(shops, root, gate, rows).clean}
    other = {r.record_key: r.content_hash for r in read(shops, root, gate, rows[::-1]).clean}
    assert one == other


def test_terms_of_one_licence_come_in_the_order_of_their_start(
    define: Define, root: Path, gate: WorkerGate
) -> None:
    terms = define(
        {
            'key = { column = "number", parser = "code" }': 'key = { column = "area" }',
            'area = { column = "area", parser = "number" }': 'term = { column = "area" }',
        }
    )
    rows = [
        "S-2,Anna,p,01.02.2022,open",
        "S-2,Anna,r,01.02.2020,closed",
        "S-1,Berta,d,01.02.2023,open",
        "S-2,Anna,q,01.02.2021,closed",
    ]
    batch = read(terms, root, gate, rows)
    assert [(r.serial, r.valid_from) for r in batch.clean] == [
        ("S1", date(2023, 2, 1)),
        ("S2", date(2020, 2, 1)),
        ("S2", date(2021, 2, 1)),
        ("S2", date(2022, 2, 1)),
    ]


def test_a_batch_over_its_threshold_is_held_whole(
    define: Define, root: Path, gate: WorkerGate
) -> None:
    strict = define({"failure_threshold = 0.9": "failure_threshold = 0.5"})
    batch = read(strict, root, gate, ROWS)
    assert batch.held is not None
    assert batch.held.rule == "over-failure-threshold"
    assert "4 of 7" in batch.held.en
    assert batch.received == len(batch.clean) + len(batch.quarantined)
    exactly = define({"failure_threshold = 0.9": "failure_threshold = 0.5"})
    assert read(exactly, root, gate, [ROWS[0], ROWS[3]]).held is None


def test_an_empty_register_is_held_and_not_taken_for_a_cleared_one(
    shops: Definition, root: Path, gate: WorkerGate
) -> None:
    batch = read(shops, root, gate, [])
    assert batch.received == 0
    assert batch.held is not None
    assert batch.held.rule == "empty-register"


def test_an_expectation_about_the_register_holds_the_batch(
    define: Define, root: Path, gate: WorkerGate
) -> None:
    expectation = "expect_column_proportion_of_non_null_values_to_be_between"
    definition = define(
        {
            "expect_column_values_to_match_regex": expectation,
            '{ column = "number", regex = "^S-" }': '{ column = "area", min_value = 0.9 }',
        }
    )
    batch = read(definition, root, gate, [ROWS[0], ROWS[1]])
    assert len(batch.clean) == 2
    assert batch.held is not None
    assert batch.held.rule == expectation


def test_no_value_stands_unmasked_in_quarantine(
    shops: Definition, root: Path, gate: WorkerGate
) -> None:
    batch = read(shops, root, gate, ["S-3,Dora,,99.99.2021-secret,open", "X-secret,Dora,,x,open"])
    assert len(batch.quarantined) == 2
    assert "secret" not in repr(
        [dataclasses.replace(row, record_key=None) for row in batch.quarantined]
    )


def test_another_adapter_gives_the_same_batch(
    shops: Definition, root: Path, gate: WorkerGate
) -> None:
    adapter: Adapter = MemoryAdapter(ROWS)
    from_memory = pull_batch(shops, adapter, gate)
    from_file = read(shops, root, gate, ROWS)
    assert from_memory == dataclasses.replace(from_file, source_digest="0" * 64)


def test_a_preview_maps_the_first_rows_without_the_gate(shops: Definition, root: Path) -> None:
    (root / "shops.csv").write_text(HEADER + "\n".join(ROWS), encoding="utf-8")
    shown = preview_register(shops, root, limit=4)
    assert shown.received == 7
    assert [record.record_key for record in shown.records] == ["S-2", "S-1", "X-9"]
    assert [row.row_number for row in shown.quarantined] == [4]


def test_a_missing_source_is_named_even_without_a_gate(shops: Definition, root: Path) -> None:
    with pytest.raises(ConnectorError) as caught:
        read_batch(shops, root)
    assert caught.value.code == "source-missing"


def test_a_batch_that_lost_a_row_cannot_be_made(
    shops: Definition, root: Path, gate: WorkerGate
) -> None:
    batch = read(shops, root, gate, ROWS)
    with pytest.raises(ValueError, match="7 rows received"):
        dataclasses.replace(batch, clean=batch.clean[1:])
    with pytest.raises(ValueError, match="twice"):
        dataclasses.replace(batch, clean=(*batch.clean[1:], batch.clean[1]))
    with pytest.raises(ValueError, match="critical"):
        QuarantinedRow(1, None, "0" * 64, ())
