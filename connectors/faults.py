"""The connectors' own rules for a row, each with its sentence in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from connectors.masking import mask
from connectors.records import RowFault


class Sentence(NamedTuple):
    """One sentence in Chinese and English."""

    zh: str
    en: str


RULES: Mapping[str, Sentence] = {
    # the row as received
    "broken-encoding": Sentence(
        "含有无法按约定编码解读的字节", "holds bytes that the agreed encoding does not allow"
    ),
    "control-character": Sentence(
        "含有控制字符（如 NUL）", "holds a control character, such as NUL"
    ),
    "over-long-field": Sentence("超过约定的最大长度", "is longer than the agreed limit"),
    "ragged-row": Sentence("列数与表头不一致", "has another number of columns than the header"),
    "broken-quoting": Sentence("引号不成对，行无法解读", "has quotation marks that do not close"),
    "broken-json": Sentence("不是完整的 JSON", "is not complete JSON"),
    "not-an-object": Sentence("不是 JSON 对象", "is not a JSON object"),
    "nested-value": Sentence(
        "应为单值，却是对象或数组", "should be one value, but is an object or an array"
    ),
    "repeated-column": Sentence("同一列在本行出现多次", "is given more than once in this row"),
    # the row as a record
    "missing-required": Sentence("必填项缺失", "is required and absent"),
    "unreadable-date": Sentence("不是约定格式的有效日期", "is not a date of the agreed format"),
    "unreadable-number": Sentence("不是数字", "is not a number"),
    "unusable-serial": Sentence(
        "编号中没有可用的数字或字母（GB/T 36904）",
        "has no digit or letter usable as a serial (GB/T 36904)",
    ),
    "unknown-state": Sentence("状态值不在约定范围内", "is a state the definition does not know"),
    # the row among the others
    "duplicate-row": Sentence(
        "与本次数据中前面的一行完全相同", "repeats an earlier row of this register exactly"
    ),
    "duplicate-number": Sentence(
        "同一编号在前面已有内容不同的记录，请部门核实",
        "has a number that an earlier row already uses with other content; the department must"
        " say which is right",
    ),
}


def row_fault(rule: str, column: str | None = None, value: str | None = None) -> RowFault:
    """Build the critical fault ``rule`` (a key of ``RULES``); ``value`` is masked here."""
    sentence = RULES[rule]
    return RowFault(
        rule=rule,
        column=column,
        severity="critical",
        masked_value=mask(value),
        zh=f"“{column}”{sentence.zh}" if column else f"本行{sentence.zh}",
        en=f'"{column}" {sentence.en}' if column else f"the row {sentence.en}",
    )
