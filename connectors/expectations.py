"""Which Great Expectations expectations a definition may use, and with which arguments.

A closed list, so that a definition is checked without importing Great Expectations (1.9 s and
200 MB). Every cell is text, so expectations about numbers are not among them. ``mostly`` is left
out on purpose: each row is judged, and the share of faulty rows has the definition's
``failure_threshold``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DATE_COLUMNS = frozenset(
    {"record.valid_from", "record.valid_until", "record.issued_on", "record.state_since"}
)
"""Mapped dates that stand beside the source's columns in the frame, as ISO 8601 text."""


@dataclass(frozen=True, slots=True)
class ExpectationKind:
    """Arguments an expectation needs and takes; ``judges_rows`` is False for whole registers."""

    needs: frozenset[str]
    takes: frozenset[str] = frozenset()
    judges_rows: bool = True


def _column(*needs: str, takes: tuple[str, ...] = (), judges_rows: bool = True) -> ExpectationKind:
    return ExpectationKind(frozenset({"column", *needs}), frozenset(takes), judges_rows)


_BOUNDS = ("min_value", "max_value", "strict_min", "strict_max")
_PAIR = frozenset({"column_A", "column_B"})
_LIST = frozenset({"column_list"})
_IGNORE = frozenset({"ignore_row_if"})

EXPECTATIONS: Mapping[str, ExpectationKind] = {
    "expect_column_values_to_not_be_null": _column(),
    "expect_column_values_to_be_null": _column(),
    "expect_column_values_to_be_unique": _column(),
    "expect_column_values_to_be_in_set": _column("value_set"),
    "expect_column_values_to_not_be_in_set": _column("value_set"),
    "expect_column_values_to_match_regex": _column("regex"),
    "expect_column_values_to_not_match_regex": _column("regex"),
    "expect_column_values_to_match_strftime_format": _column("strftime_format"),
    "expect_column_value_lengths_to_be_between": _column(takes=_BOUNDS),
    "expect_column_value_lengths_to_equal": _column("value"),
    "expect_column_values_to_have_valid_check_digit": _column("scheme"),
    "expect_column_pair_values_a_to_be_greater_than_b": ExpectationKind(
        _PAIR, _IGNORE | {"or_equal"}
    ),
    "expect_column_pair_values_to_be_equal": ExpectationKind(_PAIR, _IGNORE),
    "expect_compound_columns_to_be_unique": ExpectationKind(_LIST, _IGNORE),
    "expect_select_column_values_to_be_unique_within_record": ExpectationKind(_LIST, _IGNORE),
    "expect_table_row_count_to_be_between": ExpectationKind(
        frozenset(), frozenset(_BOUNDS), judges_rows=False
    ),
    "expect_column_unique_value_count_to_be_between": _column(takes=_BOUNDS, judges_rows=False),
    "expect_column_proportion_of_non_null_values_to_be_between": _column(
        takes=_BOUNDS, judges_rows=False
    ),
    "expect_column_proportion_of_unique_values_to_be_between": _column(
        takes=_BOUNDS, judges_rows=False
    ),
}
