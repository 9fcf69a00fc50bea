"""What an issuer wants to happen to a certificate, and the events that it comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from certstore.life_cycle import (
    CANCEL,
    CHANGE,
    ISSUE,
    REINSTATE,
    RENEW,
    REVOKE,
    SUSPEND,
    TRANSFER_IN,
    TRANSFER_OUT,
    TRANSITIONS,
    UNPLAN,
    VOID,
    WITHDRAW,
    ImpossibleTransition,
    Timeline,
    check_transition,
    timeline,
    value_changes,
)
from certstore.status import OPERATIONS, State
from exchange.certificates.copying import Change
from exchange.certificates.records import Certificate, Event, beginning_of, civil_day
from exchange.errors import BadRequest, Conflict, Fault

REVOCATIONS: Final[Mapping[str, str]] = {
    State.WITHDRAWN.code: WITHDRAW,
    State.CANCELLED.code: CANCEL,
    State.EXPIRED.code: VOID,
    State.REVOKED.code: REVOKE,
}
"""Operations that end a certificate, by the state they lead to: 撤销, 注销, 失效, 吊销."""

KINDS: Final[Mapping[str, str]] = {
    ISSUE: "issue",
    TRANSFER_IN: "issue",
    RENEW: "revise",
    CHANGE: "revise",
    SUSPEND: "suspend",
    REINSTATE: "restore",
    TRANSFER_OUT: "transfer",
    UNPLAN: "plan-withdrawn",
    **dict.fromkeys(REVOCATIONS.values(), "revoke"),
}
"""The kind of audit record that each operation leaves."""

REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "holder-request": ("持证人申请", "the holder asked for it"),
    "obtained-unlawfully": ("以不正当手段取得", "it was obtained unlawfully"),
    "granted-wrongly": ("违法作出许可", "it was granted wrongly"),
    "violation": ("违法行为", "a violation of law"),
    "conditions-gone": ("不再具备法定条件", "the legal conditions are no longer met"),
    "holder-ended": ("持证主体终止或死亡", "the holder has ceased to exist or has died"),
    "facts-changed": ("登记事项变化", "the facts have changed"),
    "correction": ("更正错误", "an error is corrected"),
    "rectified": ("已整改", "the fault was made good"),
    "moved": ("迁往其他机构管辖", "another body is in charge now"),
    "other": ("其他", "other"),
}
"""Reasons by code: 中文, English. ``as-registered`` and ``overtaken`` are the hub's own."""

OVERTAKEN: Final = "overtaken"
AHEAD: Final = timedelta(days=3660)
"""How far ahead an act may be planned."""
_OVERTAKEN_BY: Final = "因其他操作不再适用 · Overtaken by another act"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to happen and why. ``effective_on`` None is at once; a past day is back-dated."""

    operation: str
    reason: str
    legal_ground: str | None
    reason_code: str = "other"
    effective_on: date | None = None
    related: str | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """The events that an act comes to, yet unsigned, and what the status lists must show."""

    events: tuple[Event, ...]
    changes: tuple[Change, ...]


def effective_at(wanted: date | None, now: datetime) -> datetime:
    """The moment from which an act counts: at once, or the beginning of another day.

    Raises:
        BadRequest: more than ten years ahead.
    """
    if wanted is None or wanted == civil_day(now):
        return now
    if wanted > civil_day(now + AHEAD):
        raise BadRequest(
            "生效日期过远,最多可预定十年内的操作。",
            "The day is too far ahead; plan at most ten years ahead.",
            faults=(
                Fault("/effective_on", "超过十年", "more than ten years ahead"),
            ),
        )  # fmt: skip
    return beginning_of(wanted)


def plan_act(
    wanted: Wanted,
    *,
    version: int,
    versions: Sequence[Certificate],
    history: Sequence[Event],
    by: str,
    now: datetime,
    brought: Certificate | None = None,
) -> Deed:
    """What an act on ``version`` comes to; ``brought`` is the version that it brings.

    What was planned and can no longer take effect is called off by name.

    Raises:
        ImpossibleTransition: the certificate's state does not allow it then.
    """
    life = _life(versions, history)
    at = effective_at(wanted.effective_on, now)
    begins = life.begins_at(version)
    if begins is not None and at < begins and civil_day(at) == civil_day(begins):
        at = begins
    check_transition(life, wanted.operation, version=version, at=at, now=now)
    event = Event(
        sequence=history[-1].sequence + 1,
        version=brought.version if brought is not None else version,
        operation=wanted.operation,
        state=TRANSITIONS[wanted.operation][1].state.code,
        effective_at=at,
        reason=wanted.reason,
        legal_ground=wanted.legal_ground,
        recorded_at=now,
        recorded_by=by,
        reason_code=wanted.reason_code,
        related=wanted.related,
    )
    whole = versions if brought is None else (*versions, brought)
    return _deed(life, whole, versions, history, event, now)


def plan_calling_off(
    wanted: Wanted,
    sequence: int,
    *,
    versions: Sequence[Certificate],
    history: Sequence[Event],
    by: str,
    now: datetime,
) -> Deed:
    """What calling off the planned event ``sequence`` comes to.

    Raises:
        ImpossibleTransition: there is no such event, or it is not still to come.
    """
    life = _life(versions, history)
    planned = next((each for each in history if each.sequence == sequence), None)
    if (
        planned is None
        or planned.withdraws is not None
        or planned.effective_at <= now
        or sequence in life.withdrawn
        or sequence in life.overtaken
    ):
        raise ImpossibleTransition(
            "not-planned",
            "没有该项待生效的操作,或其已生效、已撤回。",
            "No such event is still to come; it took effect, was called off, or never was.",
            wanted=UNPLAN,
        )
    event = _calling_off(planned, history[-1].sequence + 1, wanted, life, by, now)
    return _deed(life, versions, versions, history, event, now)


def conflict_of(error: ImpossibleTransition) -> Conflict:
    """The problem of an impossible transition: the state, what was wanted, what is possible."""
    zh, en = OPERATIONS[error.wanted]
    members: dict[str, object] = {
        "reason": error.code,
        "wanted": {"code": error.wanted, "zh": zh, "en": en},
        "possible": [
            {"code": code, "zh": OPERATIONS[code][0], "en": OPERATIONS[code][1]}
            for code in error.possible
        ],
    }
    if error.condition is not None:
        members["state"] = error.condition.state.code
    if error.newest is not None:
        members["newest_version"] = error.newest
    return Conflict(error.zh, error.en, members=members)


def _life(versions: Sequence[Certificate], history: Sequence[Event]) -> Timeline:
    return timeline(history, {each.version: each.valid_until for each in versions})


def _deed(
    life: Timeline,
    whole: Sequence[Certificate],
    before: Sequence[Certificate],
    history: Sequence[Event],
    first: Event,
    now: datetime,
) -> Deed:
    events = [first]
    after = _life(whole, [*history, *events])
    for planned in history:
        lost = planned.sequence in after.overtaken and planned.sequence not in life.overtaken
        if lost and planned.effective_at > now:
            why = Wanted(UNPLAN, _OVERTAKEN_BY, None, OVERTAKEN)
            sequence = events[-1].sequence + 1
            events.append(_calling_off(planned, sequence, why, after, first.recorded_by, now))
    after = _life(whole, [*history, *events])
    listed = {each.version for each in before}
    changes = [
        Change(each.slot, value, at if at > now else None)
        for each in whole
        for at, value in value_changes(
            life if each.version in listed else None, after, each.version, now
        )
    ]
    return Deed(tuple(events), tuple(changes))


def _calling_off(
    planned: Event, sequence: int, wanted: Wanted, life: Timeline, by: str, now: datetime
) -> Event:
    period = life.at(now)
    return Event(
        sequence=sequence,
        version=planned.version,
        operation=UNPLAN,
        state=period.condition.state.code if period is not None else State.OTHER.code,
        effective_at=now,
        reason=wanted.reason,
        legal_ground=wanted.legal_ground,
        recorded_at=now,
        recorded_by=by,
        reason_code=wanted.reason_code,
        withdraws=planned.sequence,
    )
