"""What leaves the connectors: clean records, quarantined rows, and the batch that holds both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["critical", "warning", "info"]
"""Great Expectations' own words. Only ``critical`` sends a row to quarantine."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """One thing wrong with one row.

    ``rule`` is a rule of ``connectors.faults`` (``unreadable-date``) or an expectation's name
    (``expect_column_values_to_be_in_set``); ``column`` the source's own column name, None when the
    whole row is meant; ``masked_value`` the value with only its first and last character, None
    when absent.
    """

    rule: str
    column: str | None
    severity: Severity
    masked_value: str | None
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class RegisterRecord:
    """One row of a register, in the words of the certificate type it feeds.

    ``record_key`` names the row within the register, ``serial`` (digits and capital letters, as
    GB/T 36904 wants it) the licence: several records of one serial are its successive terms.
    ``fields`` holds only fields that are present. ``state`` is one of the codes 01-07 and 99.
    ``row_number`` counts the register's data rows from 1 and is not part of the hash.
    """

    record_key: str
    content_hash: str
    serial: str
    holder_id_type: str
    holder_id: str
    holder_name: str
    fields: Mapping[str, str]
    valid_from: date | None
    valid_until: date | None
    issued_on: date | None
    state: str
    state_since: date | None
    row_number: int


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that waits for its department: which, and everything that is wrong with it.

    ``content_hash`` is over the row as it was received, so the same faulty row is recognised when
    it is pulled again.
    """

    row_number: int
    record_key: str | None
    content_hash: str
    faults: tuple[RowFault, ...]

    def __post_init__(self) -> None:
        if not any(fault.severity == "critical" for fault in self.faults):
            raise ValueError("a quarantined row names at least one critical fault")


@dataclass(frozen=True, slots=True)
class Notice:
    """A remark below ``critical``: about one row, or about the whole register if none is named."""

    row_number: int | None
    record_key: str | None
    fault: RowFault


@dataclass(frozen=True, slots=True)
class Held:
    """Why a batch as a whole may not be used until a person has looked at it.

    ``rule``: ``over-failure-threshold``, ``empty-register`` or the name of an expectation about
    the register as a whole.
    """

    rule: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Batch:
    """One pull of one register. Every received row is either clean or quarantined.

    ``department`` is the department's credit code; ``definition_digest`` and ``source_digest`` are
    SHA-256 (hex) of the definition and of the bytes received. ``clean`` is ordered by serial and
    then by the definition's ``order_by``. When ``held`` is set nothing of the batch may be used.
    Raises ValueError if a row were lost or counted twice.
    """

    department: str
    definition_digest: str
    source_digest: str
    received: int
    clean: tuple[RegisterRecord, ...]
    quarantined: tuple[QuarantinedRow, ...]
    held: Held | None
    notices: tuple[Notice, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.received != len(self.clean) + len(self.quarantined):
            raise ValueError(
                f"{self.received} rows received, but {len(self.clean)} clean"
                f" and {len(self.quarantined)} quarantined"
            )
        numbers = {record.row_number for record in self.clean}
        numbers.update(row.row_number for row in self.quarantined)
        if len(numbers) != self.received:
            raise ValueError("a row number stands in the batch twice")
