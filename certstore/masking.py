"""遮蔽 · how a value is shown to whoever may know that it exists, but not what it is.

A resident ID masked to its first 6 and last 4 characters leaves about 3 320 candidates, so the
default keeps the first and the last character only (首1尾1).
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

Masking = Literal["none", "first1last1", "hidden"]

MASKINGS: Final[tuple[Masking, ...]] = get_args(Masking)
HIDDEN: Final = "***"


def mask(value: Any, how: Masking) -> Any:
    """`value` as `how` lets it be seen.

    `none` gives the value itself, `hidden` gives "***". `first1last1` keeps the first and the
    last character of a text or a number and a star for each one between; of two characters only
    the first is kept and of one none. Truth values, lists and objects are hidden whole. None
    stays None: that nothing is recorded is not a secret value.

    Raises ValueError for an unknown `how`: a misspelt masking must not show anything.
    """
    if how == "none" or value is None:
        return value
    if how == "first1last1":
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return HIDDEN
        text = str(value)
        if len(text) <= 2:
            return text[:-1] + "*"
        return f"{text[0]}{'*' * (len(text) - 2)}{text[-1]}"
    if how == "hidden":
        return HIDDEN
    raise ValueError("unknown masking")
