"""The expectation ``expect_column_values_to_have_valid_check_digit``; loaded in the worker only.

Great Expectations finds an expectation by its class's name; importing this module registers it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import (
    ColumnMapMetricProvider,
    column_condition_partial,
)

from connectors.check_digits import find_scheme


class ColumnValuesCheckDigit(ColumnMapMetricProvider):  # type: ignore[misc]
    """Whether each value passes the check digits of ``scheme``."""

    condition_metric_name = "column_values.check_digit"
    condition_value_keys = ("scheme",)

    @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: Any, scheme: str, **_: Any) -> Any:  # noqa: N805
        is_valid = find_scheme(scheme)
        if is_valid is None:
            raise LookupError(scheme)
        return column.map(is_valid).astype(bool)


class ExpectColumnValuesToHaveValidCheckDigit(ColumnMapExpectation):  # type: ignore[misc]
    """Expect every value to be valid under a scheme of python-stdnum, such as ``cn.uscc``."""

    scheme: str
    map_metric: ClassVar[str] = "column_values.check_digit"
    success_keys: ClassVar[tuple[str, ...]] = ("scheme", "mostly")
