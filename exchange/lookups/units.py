"""What came in one request, waiting for its batch, and what it is answered with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from exchange.access import Caller
from exchange.lookups.deciding import Decided
from exchange.lookups.schemas import LookupIn


@dataclass(frozen=True, slots=True)
class Answered:
    """A unit of 1 to 500 lookups, answered: what was decided, where it stands, the signature."""

    ids: tuple[UUID, ...]
    decided: tuple[Decided, ...]
    indexes: range
    answer: str
    checkpoint: str
    receipts: tuple[str, ...]


@dataclass(slots=True)
class Unit:
    """What came in one request, waiting."""

    caller: Caller
    lookups: Sequence[LookupIn]
    request: str
    with_receipts: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Answered]
    code: bytes | None = None
    ids: list[UUID] = field(default_factory=list)
    outcome: Answered | BaseException | None = None
