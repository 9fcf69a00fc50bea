"""Gives the outcomes of a batch back to whoever waits for them, from the batch's own thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from exchange.lookups.units import Unit

log = structlog.get_logger()


def release(units: Sequence[Unit]) -> None:
    """Hand every unit's outcome to its loop, in one call per loop."""
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
