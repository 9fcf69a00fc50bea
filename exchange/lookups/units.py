"""What came in one request, waiting for its batch, and what it is answered with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from exchange.access import Caller
from exchange.lookups.deciding import Decided
from exchange.lookups.schemas import LookupIn

log = structlog.get_logger()


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


def release(units: Sequence[Unit]) -> None:
    """Hand every unit its outcome, in the loop it came from."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
    for unit in units:
        by_loop.setdefault(unit.loop, []).append(unit)
    for loop, own in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, own)
        except RuntimeError:  # the loop has ended: whoever asked is gone
            log.warning("answers without a caller", count=len(own))


def _resolve(units: Sequence[Unit]) -> None:
    for unit in units:
        if unit.future.done():
            continue  # the caller hung up; its record stands all the same
        if isinstance(unit.outcome, BaseException):
            unit.future.set_exception(unit.outcome)
        elif unit.outcome is not None:
            unit.future.set_result(unit.outcome)
