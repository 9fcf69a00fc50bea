"""How long a folder keeps an object: what S3 keeps in headers, in a small file beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Keeping:
    """The end of an object's retention, or None, and whether it is under a legal hold."""

    retain_until: datetime | None
    held: bool

    def encode(self) -> bytes:
        """The file's content."""
        until = None if self.retain_until is None else self.retain_until.isoformat()
        return json.dumps({"retain_until": until, "held": self.held}, sort_keys=True).encode()


KEPT_FREELY: Final = Keeping(None, held=False)
# What cannot be read any more was written to keep something: it keeps until somebody looks.
KEPT_IN_DOUBT: Final = Keeping(datetime.max.replace(tzinfo=UTC) - timedelta(days=1), held=True)


def parse_keeping(content: bytes) -> Keeping:
    """Undo `Keeping.encode`. A damaged file keeps its object rather than letting it go."""
    try:
        read = json.loads(content)
        until, held = read["retain_until"], read["held"]
        at = None if until is None else datetime.fromisoformat(until)
        if type(held) is not bool or (at is not None and at.utcoffset() is None):
            return KEPT_IN_DOUBT
    except (ValueError, TypeError, KeyError):
        return KEPT_IN_DOUBT
    return Keeping(at, held)
