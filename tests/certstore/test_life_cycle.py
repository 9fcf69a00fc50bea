"""The state machine: what may follow what, and how a certificate stands at any moment."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certstore.life_cycle import (
    CANCEL,
    CHANGE,
    ISSUE,
    LAPSE,
    OTHERWISE,
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
    Condition,
    ImpossibleTransition,
    Timeline,
    check_transition,
    possible_from,
    timeline,
    value_changes,
)
from certstore.status import INVALID, OPERATIONS, SUSPENDED, VALID, State


@dataclass(frozen=True)
class Event:
    sequence: int
    operation: str
    effective_at: datetime
    version: int = 1
    recorded_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    state: str = "01"
    withdraws: int | None = None
    by_register: bool = False


BORN = datetime(2026, 1, 1, tzinfo=UTC)
STATES = {
    ISSUE: "01", RENEW: "01", CHANGE: "01", TRANSFER_IN: "01", REINSTATE: "01", SUSPEND: "02",
    WITHDRAW: "03", CANCEL: "04", VOID: "05", LAPSE: "05", TRANSFER_OUT: "06", REVOKE: "07",
    OTHERWISE: "99",
}  # fmt: skip


def day(number: int) -> datetime:
    """A number of days after the certificate was issued."""
    return BORN + timedelta(days=number)


def happened(*acts: tuple[str, int], **more: object) -> list[Event]:
    """An issue on day 0, then these acts, each recorded on the day it counts from."""
    events = [Event(0, ISSUE, BORN, recorded_at=BORN)]
    for sequence, (operation, on) in enumerate(acts, 1):
        version = events[-1].version + (operation in (RENEW, CHANGE))
        events.append(
            Event(sequence, operation, day(on), version, day(on), STATES[operation], **more)  # type: ignore[arg-type]
        )
    return events


def life(*acts: tuple[str, int], until: date | None = None) -> Timeline:
    events = happened(*acts)
    return timeline(events, {each.version: until for each in events})


def word(found: Timeline, moment: datetime) -> str | None:
    period = found.at(moment)
    return period.condition.word if period else None


BROUGHT_BY = {
    Condition.VALID: (), Condition.SUSPENDED: ((SUSPEND, 1),), Condition.LAPSED: (),
    Condition.WITHDRAWN: ((WITHDRAW, 1),), Condition.CANCELLED: ((CANCEL, 1),),
    Condition.VOID: ((VOID, 1),), Condition.TRANSFERRED: ((TRANSFER_OUT, 1),),
    Condition.REVOKED: ((REVOKE, 1),),
}  # fmt: skip
ALLOWED = {
    Condition.VALID: {RENEW, CHANGE, SUSPEND, WITHDRAW, CANCEL, VOID, TRANSFER_OUT, REVOKE},
    Condition.SUSPENDED: {REINSTATE, WITHDRAW, CANCEL, VOID, REVOKE},
    Condition.LAPSED: {RENEW, WITHDRAW, CANCEL, VOID, REVOKE},
    Condition.WITHDRAWN: set(), Condition.CANCELLED: set(), Condition.VOID: set(),
    Condition.TRANSFERRED: set(), Condition.REVOKED: set(),
}  # fmt: skip
TABLE = [
    pytest.param(condition, operation, operation in allowed, id=f"{condition.word}-{operation}")
    for condition, allowed in ALLOWED.items()
    for operation in sorted(TRANSITIONS)
]


@pytest.mark.parametrize(("condition", "operation", "allowed"), TABLE)
def test_the_table_of_transitions(condition: Condition, operation: str, allowed: bool) -> None:
    until = date(2026, 1, 2) if condition is Condition.LAPSED else None
    found = life(*BROUGHT_BY[condition], until=until)
    at = day(5)
    assert found.at(at).condition is condition  # type: ignore[union-attr]
    assert (operation in possible_from(condition)) is allowed
    if allowed:
        check_transition(found, operation, version=1, at=at, now=at)
        return
    with pytest.raises(ImpossibleTransition) as refused:
        check_transition(found, operation, version=1, at=at, now=at)
    assert refused.value.code == "not-allowed"
    assert refused.value.condition is condition
    assert set(refused.value.possible) == ALLOWED[condition]
    again = pickle.loads(pickle.dumps(refused.value))
    assert (again.code, again.possible) == ("not-allowed", refused.value.possible)


@pytest.mark.parametrize("operation", sorted(TRANSITIONS))
def test_each_operation_leads_to_its_state(operation: str) -> None:
    before = ((SUSPEND, 1),) if operation == REINSTATE else ()
    found = life(*before, (operation, 2)).at(day(2))
    assert found is not None
    assert found.condition is TRANSITIONS[operation][1]
    assert found.condition.state.code == STATES[operation]


def test_every_state_and_operation_has_both_names() -> None:
    assert {each.state for each in Condition} == set(State)
    assert set(STATES) | {UNPLAN} == set(OPERATIONS)


def test_before_its_issue_there_is_none() -> None:
    found = life()
    assert found.at(BORN - timedelta(microseconds=1)) is None
    with pytest.raises(ImpossibleTransition) as refused:
        check_transition(found, REVOKE, version=1, at=day(-1), now=day(3))
    assert refused.value.code == "not-issued-yet"


def test_it_lapses_at_midnight_in_china_without_anybody_acting() -> None:
    found = life(until=date(2026, 3, 1))
    midnight = datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert word(found, midnight - timedelta(microseconds=1)) == "valid"
    assert word(found, midnight) == "lapsed"
    assert found.at(midnight).since == midnight  # type: ignore[union-attr]


def test_a_leap_day_is_a_last_day_like_any_other() -> None:
    found = life(until=date(2028, 2, 29))
    assert word(found, datetime(2028, 2, 29, 15, 59, 59, tzinfo=UTC)) == "valid"
    assert word(found, datetime(2028, 2, 29, 16, tzinfo=UTC)) == "lapsed"


def test_a_suspended_certificate_lapses_once_it_is_given_back_too_late() -> None:
    found = life((SUSPEND, 1), (REINSTATE, 90), until=date(2026, 2, 1))
    assert word(found, day(80)) == "suspended"
    assert word(found, day(90)) == "lapsed"


def test_a_planned_act_takes_effect_at_its_moment_and_an_earlier_one_comes_first() -> None:
    planned = Event(1, REVOKE, day(60), recorded_at=day(1), state="07")
    then = Event(2, SUSPEND, day(10), recorded_at=day(10), state="02")
    found = timeline([*happened(), planned, then], {})
    assert [word(found, day(n)) for n in (5, 10, 59, 60)] == [
        "valid", "suspended", "suspended", "revoked",
    ]  # fmt: skip


def test_a_back_dated_end_leaves_no_room_for_what_came_after_it() -> None:
    events = happened((SUSPEND, 10), (REINSTATE, 20))
    withdrawn = Event(3, WITHDRAW, day(5), recorded_at=day(30), state="03")
    found = timeline([*events, withdrawn], {})
    assert [word(found, day(n)) for n in (4, 5, 15, 25)] == ["valid", *["withdrawn"] * 3]
    assert found.overtaken == {1, 2}


def test_what_was_known_earlier_can_still_be_asked_for() -> None:
    events = happened((SUSPEND, 10), (REINSTATE, 20))
    withdrawn = Event(3, WITHDRAW, day(5), recorded_at=day(30), state="03")
    known_then = timeline([*events, withdrawn], {}, known_at=day(29))
    assert [word(known_then, day(n)) for n in (5, 15, 25)] == ["valid", "suspended", "valid"]


def test_what_is_called_off_never_takes_effect() -> None:
    planned = Event(1, REVOKE, day(60), recorded_at=day(1), state="07")
    off = Event(2, UNPLAN, day(30), recorded_at=day(30), withdraws=1)
    found = timeline([*happened(), planned, off], {})
    assert word(found, day(100)) == "valid"
    assert found.withdrawn == {1}
    assert word(timeline([*happened(), planned, off], {}, known_at=day(29)), day(100)) == "revoked"


def test_the_next_version_ends_the_earlier_one_on_the_day_it_takes_over() -> None:
    planned = Event(1, RENEW, day(60), 2, day(1))
    found = timeline([*happened(), planned], {1: date(2026, 2, 28), 2: None})
    assert found.condition_of(1, day(50)) is Condition.VALID
    assert found.condition_of(2, day(50)) is None
    assert found.condition_of(1, day(60)) is Condition.VOID
    assert found.condition_of(2, day(60)) is Condition.VALID
    assert found.begins_at(2) == day(60)


def test_a_version_that_lost_its_ground_never_takes_over() -> None:
    planned = Event(1, RENEW, day(60), 2, day(1))
    revoked = Event(2, REVOKE, day(10), 1, day(10), "07")
    found = timeline([*happened(), planned, revoked], {})
    assert found.overtaken == {1}
    assert found.begins_at(2) is None
    assert found.condition_of(2, day(70)) is Condition.VOID
    assert word(found, day(70)) == "revoked"


@pytest.mark.parametrize(
    ("version", "at", "code"),
    [(1, 70, "superseded"), (2, 50, "before-version"), (2, 60, None), (1, 50, None)],
    ids=["old-version-later", "new-version-too-early", "new-version", "old-version-before"],
)
def test_an_act_is_on_the_version_that_counts_then(version: int, at: int, code: str | None) -> None:
    planned = Event(1, RENEW, day(60), 2, day(1))
    found = timeline([*happened(), planned], {})
    if code is None:
        check_transition(found, REVOKE, version=version, at=day(at), now=day(2))
        return
    with pytest.raises(ImpossibleTransition) as refused:
        check_transition(found, REVOKE, version=version, at=day(at), now=day(2))
    assert refused.value.code == code


def test_a_superseded_version_cannot_be_acted_on_back_in_its_own_time() -> None:
    found = life((CHANGE, 10))
    with pytest.raises(ImpossibleTransition) as refused:
        check_transition(found, REVOKE, version=1, at=day(5), now=day(20))
    assert (refused.value.code, refused.value.newest) == ("superseded", 2)


def test_a_register_is_taken_as_it_stands() -> None:
    issued = Event(0, ISSUE, day(100), by_register=True, recorded_at=day(100))
    stated = Event(1, REVOKE, day(5), 1, day(100), "07", by_register=True)
    revived = Event(2, RENEW, day(110), 2, day(110), by_register=True)
    found = timeline([issued, stated, revived], {})
    assert [word(found, day(n)) for n in (99, 100, 110)] == [None, "revoked", "valid"]


def test_a_list_shows_a_version_to_come_as_suspended_until_it_takes_over() -> None:
    before = life()
    after = timeline([*happened(), Event(1, CHANGE, day(60), 2, day(1))], {})
    assert value_changes(before, after, 1, day(1)) == [(day(60), INVALID)]
    assert value_changes(None, after, 2, day(1)) == [(day(1), SUSPENDED), (day(60), VALID)]
    off = timeline(
        [
            *happened(),
            Event(1, CHANGE, day(60), 2, day(1)),
            Event(2, UNPLAN, day(9), 2, day(9), withdraws=1),
        ],
        {},
    )
    assert value_changes(after, off, 1, day(9)) == [(day(60), VALID)]
    assert value_changes(after, off, 2, day(9)) == [(day(9), INVALID), (day(60), INVALID)]


ACTS = st.lists(
    st.tuples(st.sampled_from(sorted(TRANSITIONS)), st.integers(0, 40), st.integers(-20, 40)),
    max_size=12,
)


@given(ACTS)
def test_whatever_was_allowed_when_it_was_recorded_the_end_is_never_undone(
    acts: list[tuple[str, int, int]],
) -> None:
    """Acts that pass the check, planned and back-dated ones too, leave a life that makes sense."""
    events, now, version = happened(), BORN, 1
    for operation, wait, shift in acts:
        now += timedelta(days=wait)
        at = now + timedelta(days=shift)
        found = timeline(events, {})
        try:
            check_transition(found, operation, version=version, at=at, now=now)
        except ImpossibleTransition:
            continue
        if operation in (RENEW, CHANGE):
            continue
        events.append(Event(len(events), operation, at, version, now, STATES[operation]))
    found = timeline(events, {})
    ends = [each for each in found.periods if not possible_from(each.condition)]
    assert len(ends) <= 1
    assert not ends or ends[0] is found.periods[-1]
    moments = [each.since for each in found.periods]
    assert moments == sorted(moments)
    for earlier, later in zip(found.periods, found.periods[1:], strict=False):
        operation = events[later.sequence].operation
        assert earlier.condition in TRANSITIONS[operation][0]


@given(ACTS, st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_read_changes_nothing(
    acts: list[tuple[str, int, int]], random: object
) -> None:
    events = happened(*((operation, 40 + shift) for operation, _, shift in acts))
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert timeline(shuffled, {}) == timeline(events, {})
