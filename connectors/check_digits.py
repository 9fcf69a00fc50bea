"""Check digits of identifiers, by the name python-stdnum gives them (``cn.uscc``, ``cn.ric``)."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import cache

from stdnum.exceptions import ValidationError

_SCHEME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)?")


@cache
def find_scheme(scheme: str) -> Callable[[str], bool] | None:
    """Return the test for ``scheme``, a module of python-stdnum without its prefix, or None.

    The test is stricter than stdnum's own ``is_valid``: a number written with spaces or hyphens,
    which stdnum would strip, is not valid. Small letters count as capital ones.
    """
    if not _SCHEME.fullmatch(scheme):
        return None
    try:
        module = importlib.import_module(f"stdnum.{scheme}")
    except ModuleNotFoundError:
        return None
    validate: Callable[[str], str] | None = getattr(module, "validate", None)
    if validate is None:
        return None

    def is_valid(number: str) -> bool:
        try:
            return validate(number) == number.upper()
        except ValidationError:
            return False

    return is_valid
