"""One pull of one register: read, map, gate, part. Every received row comes out once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from connectors.adapters import Adapter, Pull
from connectors.adapters.file import FileAdapter
from connectors.definition_shape import Definition, columns_of
from connectors.expectations import DATE_COLUMNS
from connectors.faults import row_fault
from connectors.mapping import MappedRow, map_row
from connectors.quality import Finding, Gate, WorkerGate
from connectors.records import Batch, Held, Notice, QuarantinedRow, RegisterRecord, RowFault


@dataclass(frozen=True, slots=True)
class Preview:
    """How the first rows of a register map, before any gate.

    ``received`` counts the whole register; ``records`` and ``quarantined`` cover its first rows.
    """

    received: int
    source_digest: str
    records: tuple[RegisterRecord, ...]
    quarantined: tuple[QuarantinedRow, ...]


def read_batch(definition: Definition, root: Path, *, gate: Gate | None = None) -> Batch:
    """Pull the register of ``definition`` from the folder ``root`` once.

    ``gate`` judges the rows; None starts a ``WorkerGate`` for this call alone (2-3 s to load, so
    pass one gate for several registers). Raises ``ConnectorError`` when the register as a whole
    cannot be read or judged; a faulty row is quarantined instead.
    """
    if gate is None:
        with WorkerGate() as own:
            return read_batch(definition, root, gate=own)
    gate.warm()
    return part(definition, FileAdapter(root).pull(definition), gate)


def pull_batch(definition: Definition, adapter: Adapter, gate: Gate) -> Batch:
    """Like ``read_batch``, from any adapter."""
    gate.warm()
    return part(definition, adapter.pull(definition), gate)


def preview(definition: Definition, root: Path, *, limit: int = 20) -> Preview:
    """Map the first ``limit`` rows without the gate, to see whether a definition fits its source.

    Raises ``ConnectorError`` like ``read_batch``.
    """
    pull = FileAdapter(root).pull(definition)
    mapped = [map_row(row, definition) for row in pull.rows[:limit]]
    return Preview(
        received=len(pull.rows),
        source_digest=pull.source_digest,
        records=tuple(m.record for m in mapped if m.record is not None),
        quarantined=tuple(_quarantined(m, m.faults) for m in mapped if m.record is None),
    )


def part(definition: Definition, pull: Pull, gate: Gate) -> Batch:
    """Map and judge the rows of ``pull`` and part them into clean and quarantined."""
    mapped = [map_row(row, definition) for row in pull.rows]
    # A row that could not be taken apart has nothing to judge.
    judged = [m for m in mapped if not m.row.faults]
    findings = gate.judge(definition, _columns(definition, judged)) if judged else ()
    faults: dict[int, list[RowFault]] = defaultdict(list)
    for m in mapped:
        faults[m.row.row_number] += m.faults
    held: Held | None = None
    notices: list[Notice] = []
    for finding in findings:
        fault = _fault(definition, finding)
        row = None if finding.row is None else judged[finding.row]
        if fault.severity != "critical":
            notices.append(_notice(row, fault))
        elif row is None:
            held = held or Held(fault.rule, fault.zh, fault.en)
        else:
            faults[row.row.row_number].append(fault)
    _question_repeated_keys(mapped, faults, definition.record.key.column)
    clean = [m.record for m in mapped if m.record and not faults[m.row.row_number]]
    quarantined = [
        _quarantined(m, tuple(faults[m.row.row_number])) for m in mapped if faults[m.row.row_number]
    ]
    return Batch(
        department=definition.department,
        definition_digest=definition.digest,
        source_digest=pull.source_digest,
        received=len(pull.rows),
        clean=tuple(sorted(clean, key=lambda record: _order(record, definition))),
        quarantined=tuple(quarantined),
        held=held or _hold(definition, len(pull.rows), len(quarantined)),
        notices=tuple(notices),
    )


def _columns(
    definition: Definition, rows: Sequence[MappedRow]
) -> Mapping[str, Sequence[str | None]]:
    columns: dict[str, list[str | None]] = {
        name: [m.row.values.get(name) for m in rows] for name in definition.source_columns()
    }
    for name in sorted(DATE_COLUMNS):
        columns[name] = [m.dates.get(name) for m in rows]
    return columns


def _fault(definition: Definition, finding: Finding) -> RowFault:
    expectation = definition.quality[finding.expectation]
    named = columns_of(expectation.kwargs)
    return RowFault(
        rule=expectation.expect,
        column=named[0] if named else None,
        severity=expectation.severity,
        masked_value=finding.masked_value,
        zh=expectation.zh,
        en=expectation.en,
    )


def _notice(row: MappedRow | None, fault: RowFault) -> Notice:
    if row is None:
        return Notice(None, None, fault)
    return Notice(row.row.row_number, row.record_key, fault)


def _question_repeated_keys(
    mapped: Sequence[MappedRow], faults: Mapping[int, list[RowFault]], column: str
) -> None:
    """Add a fault to every otherwise clean row whose key an earlier clean row already has.

    Which of two different records is right only the department can say: the first stands, so that
    nothing already issued is overwritten by a mistake.
    """
    first: dict[str, RegisterRecord] = {}
    for m in mapped:
        record, found = m.record, faults[m.row.row_number]
        if record is None or found:
            continue
        standing = first.setdefault(record.record_key, record)
        if standing is not record:
            same = standing.content_hash == record.content_hash
            rule = "duplicate-row" if same else "duplicate-number"
            found.append(row_fault(rule, column, m.row.values.get(column)))


def _quarantined(mapped: MappedRow, faults: Sequence[RowFault]) -> QuarantinedRow:
    row = mapped.row
    return QuarantinedRow(row.row_number, mapped.record_key, row.content_hash, tuple(faults))


def _order(record: RegisterRecord, definition: Definition) -> tuple[str, ...]:
    """By serial, then by the definition's dates (an absent one first), then by key."""
    days: list[date | None] = [getattr(record, name) for name in definition.record.order_by]
    return (record.serial, *(d.isoformat() if d else "" for d in days), record.record_key)


def _hold(definition: Definition, received: int, quarantined: int) -> Held | None:
    if received == 0:
        zh, en = "来源没有任何数据行", "the source has a header and no row, or an empty list"
        return Held("empty-register", zh, en)
    threshold = definition.failure_threshold
    if quarantined <= received * threshold:
        return None
    return Held(
        "over-failure-threshold",
        f"{received} 行中有 {quarantined} 行有误，超过 {threshold:.1%} 的上限",
        f"{quarantined} of {received} rows are faulty, more than the {threshold:.1%} allowed",
    )
