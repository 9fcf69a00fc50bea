"""Which version of a certificate counts at a moment, and how it stands: for reads of many at once.

The state is worked out by ``certstore.life_cycle`` from the events, in one place; SQL only fetches
them. A certificate that nothing ever happened to costs one look into an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson

from certstore.history import BY_REGISTER
from certstore.life_cycle import ISSUE, ISSUING, Timeline, timeline
from certstore.status import State
from exchange.certificates.records import civil_day

EVENTS: Final = f"""
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(sequence, version, operation, state, effective_at,
        recorded_at, recorded_by LIKE '{BY_REGISTER}%', withdraws))::text AS events
    FROM certificate_events
    WHERE issuer = c.issuer AND type_code = c.type_code AND serial = c.serial
) e ON true
"""  # noqa: S608  # constants alone
"""``e.events``: all that happened to the certificate ``c``, NULL where nothing did."""


def takes_part(moment: str) -> str:
    """SQL: whether a row of ``certificates`` counts, or once counted, at the moment that the
    parameter names: a version still to come does not, nor one that was called off."""
    return f"""
(effective_at IS NULL OR (effective_at <= {moment} AND NOT EXISTS (
    SELECT 1 FROM certificate_events w JOIN certificate_events b
        ON b.issuer = w.issuer AND b.type_code = w.type_code AND b.serial = w.serial
        AND b.sequence = w.withdraws
    WHERE w.issuer = certificates.issuer AND w.type_code = certificates.type_code
        AND w.serial = certificates.serial AND b.version = certificates.version
        AND b.operation IN ('01', '02', '08', '09')
)))
"""  # noqa: S608  # a parameter's name alone


EVER: Final = datetime.min.replace(tzinfo=UTC)
"""Before everything: the issue of a certificate whose first version a register stated."""


@dataclass(frozen=True, slots=True)
class _Happened:
    sequence: int
    version: int
    operation: str
    state: str
    effective_at: datetime
    recorded_at: datetime
    by_register: bool
    withdraws: int | None


@dataclass(frozen=True, slots=True)
class Counting:
    """The version that counts, and the code of its state by its events alone, without its term."""

    version: int
    state: str


def counting(events: str | None, version: int, moment: datetime) -> Counting:
    """What counts at a moment of a certificate of which ``version`` was found; ``events`` as in
    EVENTS. Where nothing happened, that one does."""
    if events is None:
        return Counting(version, State.VALID.code)
    period = _life(events, moment).stated_at(moment)
    if period is None:
        return Counting(version, State.OTHER.code)
    return Counting(period.version, period.condition.state.code)


def is_valid(
    events: str | None, version: int, moment: datetime, first: date | None, last: date | None
) -> bool:
    """Whether a version is valid at a moment, its term from ``first`` to ``last`` included."""
    today = civil_day(moment)
    within = (first is None or first <= today) and (last is None or last >= today)
    return within and counting(events, version, moment) == Counting(version, State.VALID.code)


def _life(events: str, moment: datetime) -> Timeline:
    happened = [_happened(each, moment) for each in orjson.loads(events)]
    if not any(each.version == 1 and each.operation in ISSUING for each in happened):
        first = _Happened(0, 1, ISSUE, State.VALID.code, EVER, EVER, True, None)
        happened.insert(0, first)
    return timeline(happened, {})


def _happened(event: Sequence[Any], moment: datetime) -> _Happened:
    sequence, version, operation, state, effective, recorded, by_register, withdraws = event
    effective_at = datetime.fromisoformat(effective)
    recorded_at = datetime.fromisoformat(recorded)
    if effective_at <= recorded_at:
        # What was not planned counts once it is there, were another server's clock ahead of ours.
        effective_at = min(effective_at, moment)
    return _Happened(
        sequence, version, operation, state, effective_at, recorded_at, by_register, withdraws
    )
