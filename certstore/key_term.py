"""When a key signs: from when on, until when, and whether it fell into other hands.

A published key carries its term as members of its JWK, each a time (RFC 3339 with a zone):

- `not_before`: it did not exist earlier;
- `retired_at`: it signs nothing later; what it signed before goes on to hold;
- `compromised_from`: from then on somebody else may have signed with it;
- `cut_off_at`: its issuer was cut off; nothing it ever signed counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from certstore.errors import KeyFault

SKEW: Final = 60
"""Seconds: processes have clocks of their own, and hear of a change of keys one after the other."""
_MEMBERS: Final = ("not_before", "retired_at", "compromised_from", "cut_off_at")


@dataclass(frozen=True, slots=True)
class KeyTerm:
    """The term of one key, in seconds since 1970; None is: never, or not known."""

    not_before: float | None = None
    retired_at: float | None = None
    compromised_from: float | None = None
    cut_off_at: float | None = None

    @classmethod
    def of_jwk(cls, jwk: Mapping[str, Any]) -> KeyTerm | None:
        """The term that a JWK states, None when it states none.

        Raises KeyFault `malformed-jwk` for what is no time.
        """
        stated = {name: _seconds(jwk[name], name) for name in _MEMBERS if name in jwk}
        return cls(**stated) if stated else None

    def find_fault(self, issued: object) -> str | None:
        """What speaks against a signature said to be made at `issued` (seconds since 1970): the
        code of a part of a verdict, None when nothing does.

        Whoever has stolen a key writes any time into what it signs: so a time before the theft
        proves nothing, and its fault is `key-compromised-later`.
        """
        if self.cut_off_at is not None:
            return "issuer-cut-off"
        at = issued if isinstance(issued, int | float) else None
        if self.compromised_from is not None and (at is None or at >= self.compromised_from):
            return "key-compromised"
        if self.retired_at is not None and (at is None or at > self.retired_at + SKEW):
            return "key-retired"
        if self.not_before is not None and (at is None or at < self.not_before - SKEW):
            return "key-not-yet"
        return None if self.compromised_from is None else "key-compromised-later"

    def until(self, end: datetime) -> KeyTerm:
        """The term cut to the end of a certificate's validity. Its beginning says nothing: a
        certificate may be renewed, and may come after the key."""
        last = end.timestamp()
        return replace(
            self, retired_at=last if self.retired_at is None else min(last, self.retired_at)
        )

    def compromised(self, since: datetime) -> KeyTerm:
        """The term with a theft, the earlier of two."""
        known, told = self.compromised_from, since.timestamp()
        return replace(self, compromised_from=told if known is None else min(known, told))

    def cut_off(self, at: datetime) -> KeyTerm:
        """The term of a key whose issuer was cut off."""
        return replace(self, cut_off_at=at.timestamp())


def _seconds(value: Any, name: str) -> float:
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError
        return at.timestamp()
    except (TypeError, ValueError, OverflowError):
        raise KeyFault(
            "malformed-jwk", "JWK不完整或有误", "the JWK is incomplete or wrong", field=name
        ) from None
