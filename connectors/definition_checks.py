"""What a definition's parts must agree on, which no single value can show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from stdnum.cn import uscc

from connectors.check_digits import find_scheme
from connectors.definition_shape import Column, Definition, Expectation, columns_of
from connectors.expectations import DATE_COLUMNS, EXPECTATIONS

STATES = frozenset({"01", "02", "03", "04", "05", "06", "07", "99"})
"""State codes of a certificate: 有效 暂扣 撤销 注销 失效 办理转出 吊销 其他."""


class Wrong(NamedTuple):
    """What is wrong at one key of a definition; both texts end with the remedy."""

    key: str
    zh: str
    en: str


def cross_checks(definition: Definition) -> Iterator[Wrong]:
    """Yield everything that one value of ``definition`` cannot show by itself."""
    if uscc.compact(definition.department) != definition.department or not uscc.is_valid(
        definition.department
    ):
        yield Wrong(
            "department",
            "统一社会信用代码校验不通过（GB 32100）：请核对",
            "is no valid credit code (GB 32100): check its last character",
        )
    path = PurePosixPath(definition.source.file)
    if path.is_absolute() or ".." in path.parts or "\\" in definition.source.file:
        yield Wrong(
            "source.file",
            "必须是来源目录内的相对路径：请去掉 “..” 与开头的 “/”",
            "must stay inside the source folder: remove '..' and a leading '/'",
        )
    for place, column in definition.mapped_columns():
        yield from _column_checks(place, column)
    yield from _state_checks(definition)
    yield from _order_checks(definition)
    for index, expectation in enumerate(definition.quality):
        yield from _expectation_checks(f"quality.{index}", expectation)


def _column_checks(place: str, column: Column) -> Iterator[Wrong]:
    if (column.parser == "date") != (column.format is not None):
        yield Wrong(
            f"{place}.format",
            "日期列必须写 format，其他列不得写：请改正",
            "belongs to the parser 'date' and to no other: add or remove it",
        )
    is_date = place.startswith("validity.") or place == "state.since"
    if is_date and column.parser != "date":
        yield Wrong(f"{place}.parser", "此处须为 date：请改正", "must be 'date' here: correct it")


def _state_checks(definition: Definition) -> Iterator[Wrong]:
    state = definition.state
    if (state.constant is None) == (state.column is None):
        yield Wrong(
            "state",
            "constant 与 column 必须二选一：请保留一个",
            "needs either 'constant' or 'column': keep exactly one",
        )
    if (state.column is None) != (not state.values):
        yield Wrong(
            "state.values",
            "column 与 values 必须同时出现：请补全",
            "and 'column' belong together: give both or neither",
        )
    for value, code in [("constant", state.constant), *state.values.items()]:
        if code is not None and code not in STATES:
            key = "state.constant" if value == "constant" else f"state.values.{value}"
            codes = " ".join(sorted(STATES))
            yield Wrong(
                key, f"未知的状态代码：请用 {codes}", f"is no state code: use one of {codes}"
            )


def _order_checks(definition: Definition) -> Iterator[Wrong]:
    dates: Mapping[str, Column | None] = {
        "valid_from": definition.validity.valid_from,
        "valid_until": definition.validity.valid_until,
        "issued_on": definition.validity.issued_on,
        "state_since": definition.state.since,
    }
    for name in definition.record.order_by:
        if dates[name] is None:
            yield Wrong(
                "record.order_by",
                f"{name} 没有映射到任何列：请补上映射或去掉",
                f"{name} is mapped to no column: map it or take it out",
            )


def _expectation_checks(key: str, expectation: Expectation) -> Iterator[Wrong]:
    kind = EXPECTATIONS.get(expectation.expect)
    if kind is None:
        yield Wrong(
            f"{key}.expect",
            "不是可用的 Great Expectations 期望：请从 connectors/expectations.py 的清单中选",
            "is no expectation that can be used: choose one listed in connectors/expectations.py",
        )
        return
    kwargs = expectation.kwargs
    for name in sorted(kind.needs - kwargs.keys()):
        yield Wrong(f"{key}.kwargs.{name}", "缺少此参数：请补上", "is missing: add it")
    for name in sorted(kwargs.keys() - kind.needs - kind.takes):
        yield Wrong(
            f"{key}.kwargs.{name}",
            "此期望没有这个参数：请删除",
            "is no argument of this expectation here: remove it",
        )
    for column in columns_of(kwargs):
        if column.startswith("record.") and column not in DATE_COLUMNS:
            names = " ".join(sorted(DATE_COLUMNS))
            yield Wrong(
                f"{key}.kwargs",
                f"没有 {column}：可用 {names}",
                f"there is no {column}: use {names}",
            )
    yield from _argument_checks(key, kwargs)


def _argument_checks(key: str, kwargs: Mapping[str, Any]) -> Iterator[Wrong]:
    if "regex" in kwargs:
        try:
            re.compile(kwargs["regex"])
        except (re.error, TypeError):
            yield Wrong(
                f"{key}.kwargs.regex",
                "不是有效的正则表达式：请改正",
                "is no regular expression: correct it",
            )
    if "scheme" in kwargs and find_scheme(str(kwargs["scheme"])) is None:
        yield Wrong(
            f"{key}.kwargs.scheme",
            "python-stdnum 中没有此校验方案：请改正，如 cn.uscc",
            "is no number of python-stdnum: correct it, for example cn.uscc",
        )
