"""Time and identifiers, the only place where either is made.

Everything else receives a :class:`Clock`, so that tests and replays decide what "now" is.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """What the hub needs from the outside world's clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def new_id(self) -> UUID:
        """A new identifier, ordered by time (UUID version 7, RFC 9562 §5.7)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def new_id(self) -> UUID:
        return uuid7(int(self.now().timestamp() * 1000), os.urandom(10))


def uuid7(milliseconds: int, entropy: bytes) -> UUID:
    """Build a UUID version 7 from Unix milliseconds and 10 random bytes (RFC 9562 §5.7)."""
    value = (milliseconds & ((1 << 48) - 1)) << 80 | int.from_bytes(entropy[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
