"""持证主体 · holders of certificates: the kinds of ids they are named by, and how one is checked.

Numbers are those of GA/T 517; what names a holder only inside one register is a local kind
`x-…`, which the certificate type declares together with its pattern.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from stdnum.cn import ric, uscc

from certstore.errors import Fault, HolderError


@dataclass(frozen=True, slots=True)
class HolderIdType:
    """One kind of id: its code, its names, and the regular expression a whole id must match."""

    code: str
    zh: str
    en: str
    pattern: str
    _matches: Callable[[str], Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        matches: Callable[[str], Any] = re.compile(self.pattern).fullmatch
        if self.code.startswith("x-"):
            matches = _matches_in_linear_time(self.pattern)
        object.__setattr__(self, "_matches", matches)

    def may_be(self, id: str) -> bool:
        """Whether `id` has the shape and, where one is defined, the check digit of this kind."""
        if not self._matches(id):
            return False
        check = _CHECKS.get(self.code)
        return check is None or check(id)

    def __reduce__(self) -> tuple[object, ...]:
        return HolderIdType, (self.code, self.zh, self.en, self.pattern)


@lru_cache(maxsize=256)
def _matches_in_linear_time(pattern: str) -> Callable[[str], bool]:
    # A local kind's pattern is written by whoever defines a type: Python's own engine could be
    # made to run for ever by it.
    import jsonschema_rs

    validator = jsonschema_rs.Draft202012Validator(
        {"pattern": f"^(?:{pattern})$"}, pattern_options=jsonschema_rs.RegexOptions()
    )
    return validator.is_valid


_CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    "001": lambda id: bool(uscc.calc_check_digit(id[:17]) == id[17]),
    "111": lambda id: bool(ric.is_valid(id)),
}

STANDARD: Final[Mapping[str, HolderIdType]] = MappingProxyType(
    {
        kind.code: kind
        for kind in (
            HolderIdType(
                "001",
                "统一社会信用代码",
                "unified social credit code",
                r"[0-9]{8}[0-9A-HJ-NPQRTUWXY]{10}",
            ),
            HolderIdType("111", "居民身份证", "resident identity card", r"[0-9]{17}[0-9X]"),
            HolderIdType("414", "普通护照", "ordinary passport", r"[0-9A-Z]{5,17}"),
            HolderIdType(
                "511",
                "台湾居民来往大陆通行证",
                "travel permit for Taiwan residents",
                r"[0-9]{8}|[0-9]{10}[A-Z]?",
            ),
        )
    }
)
"""Kinds known everywhere, by code."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a certificate is about: the kind of id, the id, and the name as the register has it."""

    id_type: str
    id: str = field(repr=False)
    name: str = field(repr=False)


def find_holder_fault(holder: Holder, allowed: Mapping[str, HolderIdType]) -> Fault | None:
    """What is wrong with `holder` where only the kinds `allowed` may be used; None if nothing."""
    kind = allowed.get(holder.id_type)
    if kind is None:
        return Fault(
            "holder.id_type",
            "holder-id-type",
            "此类证照不使用该证件类型",
            "this certificate type does not name holders by this kind of id",
        )
    if not kind.may_be(holder.id):
        return Fault(
            "holder.id",
            "holder-id",
            f"不是有效的{kind.zh}",
            f"not a valid {kind.en}",
        )
    if not holder.name or holder.name != holder.name.strip() or len(holder.name) > 500:
        return Fault(
            "holder.name",
            "holder-name",
            "持证主体名称为空、过长或前后有空白",
            "the holder's name is empty, too long or has blanks around it",
        )
    return None


def check_holder(holder: Holder, allowed: Mapping[str, HolderIdType] = STANDARD) -> None:
    """Raise HolderError when `holder` is not named rightly by one of the kinds `allowed`."""
    fault = find_holder_fault(holder, allowed)
    if fault is not None:
        raise HolderError(fault.code, fault.zh, fault.en, field=fault.field)


def holder_key(key: bytes, id_type: str, id: str) -> bytes:
    """The name of a holder in logs and indexes: HMAC-SHA-256(key, id_type ‖ 0x1f ‖ id), 32 bytes.

    A plain hash of an id number is found by trying all numbers; without `key` this is not.
    Raises HolderError `separator` when the id type holds the separator itself.
    """
    if "\x1f" in id_type:
        raise HolderError(
            "separator", "证件类型含有分隔符", "the id type holds the separator", field="id_type"
        )
    return hmac.digest(key, f"{id_type}\x1f{id}".encode(), "sha256")
