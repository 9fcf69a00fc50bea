"""The shape of a definition: one department's register, its mapping and its quality suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from connectors.records import Severity

Parser: TypeAlias = Literal["text", "code", "serial", "date", "number"]
Name: TypeAlias = Annotated[str, Field(min_length=1)]
Positive: TypeAlias = Annotated[int, Field(gt=0)]
OrderKey: TypeAlias = Literal["valid_from", "valid_until", "issued_on", "state_since"]

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, config=_STRICT)
class Names:
    """One name in Chinese and English."""

    zh: Name
    en: Name


@dataclass(frozen=True, slots=True, config=_STRICT)
class Source:
    """Where the register lies and how much of it is taken.

    ``file`` is relative to the source folder given at run time. Limits: ``max_bytes`` of the whole
    file, ``max_rows`` data rows, ``max_field_length`` characters in one cell.
    """

    kind: Literal["file"]
    format: Literal["csv", "json", "jsonl"]
    file: Name
    encoding: Literal["utf-8", "gb18030", "ascii"]
    max_bytes: Positive
    max_rows: Positive
    max_field_length: Positive


@dataclass(frozen=True, slots=True, config=_STRICT)
class Column:
    """One column of the source and how its cells are read.

    ``parser``: ``text`` (trimmed), ``code`` (trimmed, capital letters), ``serial`` (capital letters
    and digits only), ``date`` (needs ``format`` in the notation of ``strptime``), ``number``
    (decimal, thousands separated by commas allowed).
    """

    column: Name
    parser: Parser = "text"
    format: str | None = None
    required: bool = False


@dataclass(frozen=True, slots=True, config=_STRICT)
class Holder:
    """Whom a record belongs to: the type of identifier (GA/T 517 number or ``x-…``), id, name."""

    id_type: Name
    id: Column
    name: Column


@dataclass(frozen=True, slots=True, config=_STRICT)
class Validity:
    """The dates of a record; each may be left out."""

    valid_from: Column | None = None
    valid_until: Column | None = None
    issued_on: Column | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class State:
    """The state of a record: one constant, or a column with a code for each of its values."""

    constant: str | None = None
    column: str | None = None
    values: Mapping[str, str] = Field(default_factory=dict)
    since: Column | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class Expectation:
    """One Great Expectations expectation by its real name, with its arguments.

    Its columns are source columns, or ``record.valid_from`` and the like for mapped dates
    (ISO 8601 text). ``critical`` sends a row to quarantine; an expectation about the register as a
    whole holds the batch.
    """

    expect: Name
    kwargs: Mapping[str, Any]
    severity: Severity
    zh: Name
    en: Name


@dataclass(frozen=True, slots=True, config=_STRICT)
class Record:
    """What names a row (``key``), what names the licence (``serial``), and the order of terms."""

    key: Column
    serial: Column
    order_by: Annotated[tuple[OrderKey, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Contact:
    """Who answers for the register: the entrance for error objections (校核纠错)."""

    name: Names
    email: str | None = None
    telephone: str | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class Definition:
    """One department's register. ``key`` is the file's name, ``digest`` the SHA-256 of its content.

    ``failure_threshold`` is the share of received rows (0 to 1) that may be quarantined; a batch
    over it is held whole. ``absent`` lists cell contents that mean "nothing here".
    """

    key: str
    digest: str
    department: Name
    name: Names
    register: Names
    certificate_type: Name
    source: Source
    absent: tuple[str, ...]
    record: Record
    holder: Holder
    fields: Annotated[Mapping[str, Column], Field(min_length=1)]
    validity: Validity
    state: State
    quality: tuple[Expectation, ...]
    failure_threshold: Annotated[float, Field(ge=0, lt=1)]
    contact: Contact

    def mapped_columns(self) -> tuple[tuple[str, Column], ...]:
        """Every mapped column with its place in the definition: ``("holder.id", Column(…))``."""
        places: list[tuple[str, Column | None]] = [
            ("record.key", self.record.key),
            ("record.serial", self.record.serial),
            ("holder.id", self.holder.id),
            ("holder.name", self.holder.name),
            *((f"fields.{name}", column) for name, column in self.fields.items()),
            ("validity.valid_from", self.validity.valid_from),
            ("validity.valid_until", self.validity.valid_until),
            ("validity.issued_on", self.validity.issued_on),
            ("state.since", self.state.since),
        ]
        return tuple((place, column) for place, column in places if column is not None)

    def source_columns(self) -> tuple[str, ...]:
        """Every source column the mapping or the suite reads, in a stable order."""
        names = [column.column for _, column in self.mapped_columns()]
        if self.state.column is not None:
            names.append(self.state.column)
        for expectation in self.quality:
            names += [n for n in columns_of(expectation.kwargs) if not n.startswith("record.")]
        return tuple(dict.fromkeys(names))

    def required_columns(self) -> frozenset[str]:
        """Source columns without which no row can become a record."""
        always = {"record.key", "record.serial", "holder.id", "holder.name"}
        names = {c.column for place, c in self.mapped_columns() if c.required or place in always}
        if self.state.column is not None:
            names.add(self.state.column)
        return frozenset(names)


def columns_of(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns an expectation's arguments name, in the order of the arguments."""
    single = [kwargs[k] for k in ("column", "column_A", "column_B") if k in kwargs]
    many = kwargs.get("column_list", ())
    return tuple(str(name) for name in [*single, *many])
