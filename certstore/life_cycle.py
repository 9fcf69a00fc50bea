"""证照的一生 · what may happen to a certificate, and how it stands at any moment.

A pure state machine over events: no clock, no database, no key. States and operations are those
of the standard; operations it has no code for carry a local one, `x-` and the state they lead to.

An event counts from its effective time, whenever it was recorded. So a planned event takes effect
without anybody acting, a back-dated one counts from its date on, and the same events seen up to
an earlier `known_at` give what was known then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Protocol

from certstore.errors import CertstoreError
from certstore.issue import start_of_day
from certstore.status import INVALID, OPERATIONS, SUSPENDED, State

ISSUE: Final = "01"
RENEW: Final = "02"
SUSPEND: Final = "03"
LAPSE: Final = "04"
CANCEL: Final = "05"
REINSTATE: Final = "06"
TRANSFER_IN: Final = "08"
CHANGE: Final = "09"
UNPLAN: Final = "x-00"
WITHDRAW: Final = "x-03"
VOID: Final = "x-05"
TRANSFER_OUT: Final = "x-06"
REVOKE: Final = "x-07"
OTHERWISE: Final = "x-99"

FIRST: Final = frozenset({ISSUE, TRANSFER_IN})
ISSUING: Final = frozenset({ISSUE, RENEW, TRANSFER_IN, CHANGE})
"""Operations that bring a version."""


class Condition(Enum):
    """How a certificate stands: finer than its state, which says 失效 of two different things.

    A certificate that lapsed may be renewed; one that was declared void may not.
    """

    VALID = ("valid", State.VALID)
    SUSPENDED = ("suspended", State.SUSPENDED)
    LAPSED = ("lapsed", State.EXPIRED)
    WITHDRAWN = ("withdrawn", State.WITHDRAWN)
    CANCELLED = ("cancelled", State.CANCELLED)
    VOID = ("void", State.EXPIRED)
    TRANSFERRED = ("transferred", State.TRANSFERRED)
    REVOKED = ("revoked", State.REVOKED)
    OTHER = ("other", State.OTHER)

    def __init__(self, word: str, state: State) -> None:
        self.word = word
        self.state = state


_OF_STATE: Final[Mapping[State, Condition]] = {
    each.state: each for each in Condition if each is not Condition.LAPSED
}
_ALIVE: Final = frozenset({Condition.VALID, Condition.SUSPENDED})
_ENDABLE: Final = _ALIVE | {Condition.LAPSED, Condition.OTHER}

TRANSITIONS: Final[Mapping[str, tuple[frozenset[Condition], Condition]]] = MappingProxyType(
    {
        RENEW: (frozenset({Condition.VALID, Condition.LAPSED}), Condition.VALID),
        CHANGE: (frozenset({Condition.VALID}), Condition.VALID),
        SUSPEND: (frozenset({Condition.VALID}), Condition.SUSPENDED),
        REINSTATE: (frozenset({Condition.SUSPENDED}), Condition.VALID),
        WITHDRAW: (_ENDABLE, Condition.WITHDRAWN),
        CANCEL: (_ENDABLE, Condition.CANCELLED),
        VOID: (_ENDABLE, Condition.VOID),
        TRANSFER_OUT: (frozenset({Condition.VALID}), Condition.TRANSFERRED),
        REVOKE: (_ENDABLE, Condition.REVOKED),
    }
)
"""Operations that an issuer does to a certificate: from which conditions, and to which.

A certificate begins by 01 or 08. 04 is what the calendar does, x-99 what only a register states.
"""


class Happened(Protocol):
    """One event of a certificate, as the state machine reads it.

    `sequence` counts from 0, the issue of the first version. `operation` and `state` are codes;
    `withdraws` is the sequence of the planned event that this one calls off. `by_register` says
    that it repeats what the issuer's register states, which is taken as it stands.
    """

    @property
    def sequence(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def operation(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def effective_at(self) -> datetime: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def withdraws(self) -> int | None: ...
    @property
    def by_register(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on, until the next period: which version counts and how it stands.

    `sequence` is the event that began it; -1 where the calendar did.
    """

    since: datetime
    version: int
    condition: Condition
    sequence: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole life of a certificate as told by its events.

    `lapses` has for each version with a last day the moment after it. `overtaken` are events that
    met a condition which does not allow them, `withdrawn` those that were called off.
    """

    periods: tuple[Period, ...]
    lapses: Mapping[int, datetime]
    overtaken: frozenset[int]
    withdrawn: frozenset[int]

    def at(self, moment: datetime) -> Period | None:
        """How the certificate stands at a moment; None before it was issued."""
        found = self.stated_at(moment)
        if found is None or found.condition is not Condition.VALID:
            return found
        lapse = self.lapses.get(found.version)
        if lapse is None or lapse > moment:
            return found
        return Period(max(lapse, found.since), found.version, Condition.LAPSED, -1)

    def stated_at(self, moment: datetime) -> Period | None:
        """As `at`, without what the calendar does."""
        found = None
        for period in self.periods:
            if period.since > moment:
                break
            found = period
        return found

    def begins_at(self, version: int) -> datetime | None:
        """When a version takes over; None where it never does."""
        return next((each.since for each in self.periods if each.version == version), None)

    def condition_of(self, version: int, moment: datetime) -> Condition | None:
        """How one version stands: None before it takes over, VOID once superseded or where it
        never takes over."""
        period = self.at(moment)
        if period is not None and period.version == version:
            return period.condition
        if period is not None and period.version > version:
            return Condition.VOID
        return None if self._still_to_come(version, moment) else Condition.VOID

    def published_at(self, version: int, moment: datetime) -> int:
        """The value of a version in its status list: what is still to come is SUSPENDED there, so
        that nobody takes two versions for valid at once."""
        period = self.stated_at(moment)
        if period is not None and period.version == version:
            return period.condition.state.status_value
        return SUSPENDED if self._still_to_come(version, moment) else INVALID

    def _still_to_come(self, version: int, moment: datetime) -> bool:
        begins = self.begins_at(version)
        return begins is not None and begins > moment


def timeline(
    events: Iterable[Happened],
    last_days: Mapping[int, date | None],
    *,
    known_at: datetime | None = None,
) -> Timeline:
    """The life that the events tell; `last_days` are those of the versions, None without an end.

    With `known_at`, only what had been recorded by then.
    """
    known = [each for each in events if known_at is None or each.recorded_at <= known_at]
    withdrawn = frozenset(each.withdraws for each in known if each.withdraws is not None)
    begins = {each.version: each.effective_at for each in known if each.operation in ISSUING}
    lapses = {
        version: datetime.fromtimestamp(start_of_day(last), UTC) + timedelta(days=1)
        for version, last in last_days.items()
        if last is not None
    }

    def effective(event: Happened) -> datetime:
        # A register dates a state by the certificate's whole life; it is stated of this version.
        return max(event.effective_at, begins.get(event.version, event.effective_at))

    periods: list[Period] = []
    overtaken: set[int] = set()
    for event in sorted(known, key=lambda each: (effective(each), each.sequence)):
        if event.sequence in withdrawn or event.withdraws is not None:
            continue
        since = effective(event)
        current = _lapsed(periods[-1], lapses, since) if periods else None
        if not _takes_effect(event, current):
            overtaken.add(event.sequence)
            continue
        condition = condition_of(event.operation, event.state)
        periods.append(Period(since, event.version, condition, event.sequence))
    return Timeline(tuple(periods), lapses, frozenset(overtaken), withdrawn)


def condition_of(operation: str, state: str) -> Condition:
    """The condition that an event leads to. Raises StatusListError `unknown-state`."""
    if operation == LAPSE:
        return Condition.LAPSED
    return _OF_STATE[State.from_code(state)]


def possible_from(condition: Condition) -> tuple[str, ...]:
    """The operations that a condition allows, by code."""
    return tuple(sorted(op for op, (allowed, _) in TRANSITIONS.items() if condition in allowed))


class ImpossibleTransition(CertstoreError):
    """What is wanted cannot happen to the certificate then.

    `code` is `superseded`, `not-issued-yet`, `before-version` or `not-allowed`; `state` is the
    state at that time, `wanted` the operation, `possible` those that the state allows.
    """

    def __init__(
        self,
        code: str,
        zh: str,
        en: str,
        *,
        wanted: str,
        condition: Condition | None = None,
        newest: int | None = None,
    ) -> None:
        super().__init__(code, zh, en)
        self.wanted = wanted
        self.condition = condition
        self.newest = newest

    @property
    def possible(self) -> tuple[str, ...]:
        """The operations that the state allows."""
        return possible_from(self.condition) if self.condition is not None else ()

    def __reduce__(self) -> tuple[Any, ...]:
        known = {"wanted": self.wanted, "condition": self.condition, "newest": self.newest}
        return _again, (self.code, self.zh, self.en, known)


def _again(code: str, zh: str, en: str, known: Mapping[str, Any]) -> ImpossibleTransition:
    return ImpossibleTransition(code, zh, en, **known)


def check_transition(
    life: Timeline, operation: str, *, version: int, at: datetime, now: datetime
) -> None:
    """Raise ImpossibleTransition, saying why, where `operation` may not take effect at `at`.

    `version` is the one acted on: the one that counts at that time, and none that is superseded
    by now. Renewing and changing act on the version that they supersede.
    """
    present = life.at(now)
    if present is not None and present.version > version:
        raise _superseded(operation, present)
    then = life.at(at)
    if then is None:
        raise ImpossibleTransition(
            "not-issued-yet",
            "该日期证照尚未颁发。",
            "The certificate was not issued yet at that time.",
            wanted=operation,
        )
    if then.version > version:
        raise _superseded(operation, then)
    if then.version < version:
        raise ImpossibleTransition(
            "before-version",
            f"第{version:03d}版在该日期尚未生效,不能从该日期起执行。",
            f"Version {version:03d} does not count yet at that time.",
            wanted=operation,
            condition=then.condition,
        )
    allowed, _ = TRANSITIONS[operation]
    if then.condition not in allowed:
        zh, en = OPERATIONS[operation]
        raise ImpossibleTransition(
            "not-allowed",
            f"证照届时状态为“{then.condition.state.zh}”,不能执行“{zh}”。",
            f"The certificate is {then.condition.state.en} then, so it cannot be {en}.",
            wanted=operation,
            condition=then.condition,
        )


def _superseded(operation: str, period: Period) -> ImpossibleTransition:
    return ImpossibleTransition(
        "superseded",
        f"该版本已被第{period.version:03d}版取代,请对最新版本操作。",
        f"This version was superseded by version {period.version:03d}; act on the newest one.",
        wanted=operation,
        condition=period.condition,
        newest=period.version,
    )


def value_changes(
    before: Timeline | None, after: Timeline, version: int, now: datetime
) -> Sequence[tuple[datetime, int]]:
    """What a status list must be told of a version, now and for each planned moment.

    `before` is the timeline that the list shows already, None for a version that is not in it:
    a list shows VALID of every place it was not told about.
    """
    moments = {now}
    for life in (before, after):
        if life is not None:
            moments |= {each.since for each in life.periods if each.since > now}
    changes: list[tuple[datetime, int]] = []
    for moment in sorted(moments):
        shown = before.published_at(version, moment) if before is not None else 0
        wanted = after.published_at(version, moment)
        if shown != wanted or (before is None and changes):
            changes.append((moment, wanted))
    return changes


def _lapsed(period: Period, lapses: Mapping[int, datetime], at: datetime) -> Period:
    lapse = lapses.get(period.version)
    if period.condition is Condition.VALID and lapse is not None and lapse <= at:
        return Period(lapse, period.version, Condition.LAPSED, -1)
    return period


def _takes_effect(event: Happened, current: Period | None) -> bool:
    if current is None:
        return event.operation in FIRST or (event.by_register and event.operation in ISSUING)
    if event.operation in ISSUING:
        if event.version <= current.version:
            return False
    elif event.version != current.version:
        return False
    if event.by_register:
        return True
    rule = TRANSITIONS.get(event.operation)
    return rule is not None and current.condition in rule[0]
