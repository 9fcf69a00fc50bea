"""Masking of cell values before they are stored or shown: first and last character only (首1尾1).

The masked form has one length, so that it does not tell how long the value was.
"""

from __future__ import annotations

_VEIL = "***"


def mask(value: str | None) -> str | None:
    """Return ``value`` as its first character, ``***``, its last character.

    Values of up to two characters become ``***`` alone; None (absent) stays None. Characters that
    cannot be printed (NUL, broken bytes) are masked too, so the result can always be stored.
    """
    if value is None:
        return None
    if len(value) <= 2:
        return _VEIL
    first, last = (c if c.isprintable() and c != "\ufffd" else "*" for c in (value[0], value[-1]))
    return f"{first}{_VEIL}{last}"
