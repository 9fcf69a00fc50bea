"""What an applicant is told of the uses of the applicant's own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """One record of the log about the holder: its index and its body as a JSON object."""

    index: int
    record: Mapping[str, Any]
