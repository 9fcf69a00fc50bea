"""遮蔽 · how a value is shown to whoever may know that it exists, but not what it is.

A resident ID masked to its first 6 and last 4 characters leaves about 3 320 candidates, and the
usual 138****5678 leaves 10 000 telephones, so what is kept here identifies nobody:

- `first1last1` 首1尾1: the first and the last character, a star for each one between; a value of
  one or two characters not at all;
- `name` 姓名: the last character alone, and nothing of a name of one or two characters;
- `phone` 电话: the last two digits, and nothing of a number of fewer than seven;
- `address` 地址: the province it begins with, out of a closed list, and nothing below;
- `hidden` 隐藏: nothing.

`name`, `phone`, `address` and `hidden` do not show how long the value is either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

Masking = Literal["none", "first1last1", "name", "phone", "address", "hidden"]

MASKINGS: Final[tuple[Masking, ...]] = get_args(Masking)
HIDDEN: Final = "***"

PROVINCES: Final = (
    "北京市", "天津市", "河北省", "山西省", "内蒙古自治区", "辽宁省", "吉林省", "黑龙江省",
    "上海市", "江苏省", "浙江省", "安徽省", "福建省", "江西省", "山东省", "河南省", "湖北省",
    "湖南省", "广东省", "广西壮族自治区", "海南省", "重庆市", "四川省", "贵州省", "云南省",
    "西藏自治区", "陕西省", "甘肃省", "青海省", "宁夏回族自治区", "新疆维吾尔自治区", "台湾省",
    "香港特别行政区", "澳门特别行政区",
)  # fmt: skip
"""The provincial divisions (GB/T 2260): all that a masked address may show."""

_LEAST_PHONE_DIGITS: Final = 7

# The masks that show all that this one shows, or more.
_SHOWING_AS_MUCH: Final[Mapping[str, frozenset[str]]] = {
    "none": frozenset({"none"}),
    "first1last1": frozenset({"first1last1", "none"}),
    "name": frozenset({"name", "first1last1", "none"}),
    "phone": frozenset({"phone", "none"}),
    "address": frozenset({"address", "none"}),
    "hidden": frozenset(MASKINGS),
}


def mask(value: Any, how: Masking) -> Any:
    """`value` as `how` lets it be seen.

    `none` gives the value itself. The others show texts and numbers only: truth values, lists and
    objects are hidden whole. None stays None: that nothing is recorded is not a secret value.

    Raises ValueError for an unknown `how`: a misspelt masking must not show anything.
    """
    if how not in _SHOWING_AS_MUCH:
        raise ValueError("unknown masking")
    if how == "none" or value is None:
        return value
    if how == "hidden" or isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return HIDDEN
    text = str(value)
    if how == "first1last1":
        return _first1last1(text)
    if how == "name":
        return f"**{text[-1]}" if len(text) > 2 else HIDDEN
    if how == "phone":
        digits = [character for character in text if character.isdecimal()]
        if len(digits) < _LEAST_PHONE_DIGITS:
            return HIDDEN
        return "*********" + "".join(digits[-2:])
    province = next((each for each in PROVINCES if text.startswith(each)), "")
    return province + HIDDEN


def _first1last1(text: str) -> str:
    if len(text) <= 2:
        return "*" * max(len(text), 1)
    return f"{text[0]}{'*' * (len(text) - 2)}{text[-1]}"


def shows_no_more(mask: str, than: str) -> bool:
    """Whether whatever `mask` shows of a value can be told from what `than` shows of it.

    Not a total order: `phone` and `address` show other parts than `first1last1`. Raises KeyError
    for a mask that does not exist.
    """
    return than in _SHOWING_AS_MUCH[mask]


def stricter(one: str, other: str) -> Masking:
    """The mask that shows nothing but what both show. Raises KeyError for an unknown one."""
    if shows_no_more(one, other):
        return one  # type: ignore[return-value]
    return other if shows_no_more(other, one) else "hidden"  # type: ignore[return-value]
