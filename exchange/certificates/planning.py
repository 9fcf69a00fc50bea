"""What each row of a register means for the certificates already issued. Pure.

A row that is known, as it is known, changes nothing. A row of a later term renews (延续), one of
the same term with other content changes (变更): either is the next version of the same
certificate. A row of an earlier term than the newest version is a fault: it may not overwrite.
A term that is still to come takes over on its first day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from certstore.errors import CertstoreError, FaultsError
from certstore.life_cycle import CHANGE as CHANGED
from certstore.life_cycle import ISSUE as ISSUED
from certstore.life_cycle import RENEW as RENEWED
from certstore.status import State
from exchange.certificates.records import Issuable, IssueFault, Slot, beginning_of

MOST_VERSIONS: Final = 999
_STATES: Final = frozenset(state.code for state in State)


@dataclass(frozen=True, slots=True)
class Standing:
    """A version that is there. ``slot`` is None for one planned within the same plan, which is
    then found at ``planned``; ``pull`` is the pull whose batch issued it. ``effective_at`` is when
    it takes over, None where that was at its issue."""

    version: int
    source_key: str
    source_hash: str
    valid_from: date
    valid_until: date | None
    slot: Slot | None
    planned: int | None = None
    pull: UUID | None = None
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Versions of one certificate, oldest first, and how it stands now.

    ``events`` is the sequence of its last event, ``latest_at`` the latest moment that any of them
    counts from. ``by_act`` says that the state was set by an act of the issuer, not by its
    register; ``act_planned`` that such an act is still to take effect.
    """

    versions: tuple[Standing, ...] = ()
    events: int = 0
    state: str = State.VALID.code
    by_act: bool = False
    act_planned: bool = False
    latest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """One version to be issued. ``events`` is the sequence of the last event before it.

    ``supersedes`` are the version it takes over from and those still to come that it forestalls,
    newest first. ``effective_at`` is when it takes over, None for a first version.
    """

    row: Issuable
    version: int
    operation: str
    state: str
    supersedes: tuple[Standing, ...]
    events: int
    effective_at: datetime | None = None


@dataclass(slots=True)
class Plan:
    """What is to be issued, and what became of every other row."""

    versions: list[Planned] = field(default_factory=list)
    issued_before: int = 0
    revised_before: int = 0
    unchanged: int = 0
    faulty: int = 0
    faults: list[IssueFault] = field(default_factory=list)


@dataclass(slots=True)
class _Ledger:
    """A certificate's history while the plan is made."""

    versions: list[Standing]
    by_source: dict[str, Standing]
    events: int
    state: str
    by_act: bool
    act_planned: bool
    latest_at: datetime | None

    @property
    def newest(self) -> Standing | None:
        return self.versions[-1] if self.versions else None

    def superseded(self, now: datetime) -> tuple[Standing, ...]:
        """The version that counts now, and those still to come, newest first."""
        found: list[Standing] = []
        for each in reversed(self.versions):
            found.append(each)
            if each.effective_at is None or each.effective_at <= now:
                break
        return tuple(found)

    @classmethod
    def of(cls, history: History) -> _Ledger:
        return cls(
            versions=list(history.versions),
            by_source={each.source_key: each for each in history.versions},
            events=history.events,
            state=history.state,
            by_act=history.by_act,
            act_planned=history.act_planned,
            latest_at=history.latest_at,
        )


def make_plan(
    rows: Iterable[Issuable],
    histories: Mapping[str, History],
    check: Callable[[Issuable], None],
    *,
    pull: UUID | None,
    now: datetime,
) -> Plan:
    """Decide about each row, in order.

    ``histories`` are those of the rows' serials that have one. ``check`` raises certstore's
    FieldErrors or IdentifierError for a row that does not fit the certificate type. What ``pull``
    itself issued earlier counts as done by it.
    """
    plan = Plan()
    ledgers: dict[str, _Ledger] = {}
    for row in rows:
        ledger = ledgers.get(row.serial)
        if ledger is None:
            ledger = ledgers[row.serial] = _Ledger.of(histories.get(row.serial, History()))
        known = ledger.by_source.get(row.source_key)
        if known is not None and known.source_hash == row.source_hash:
            _count_known(plan, known, pull)
            continue
        faults = _faults_of(row, ledger, check)
        if faults:
            plan.faulty += 1
            plan.faults.extend(faults)
            continue
        _add_version(plan, ledger, row, now)
    return plan


def _count_known(plan: Plan, known: Standing, pull: UUID | None) -> None:
    if known.planned is not None or pull is None or known.pull != pull:
        plan.unchanged += 1
    elif known.version == 1:
        plan.issued_before += 1
    else:
        plan.revised_before += 1


def _add_version(plan: Plan, ledger: _Ledger, row: Issuable, now: datetime) -> None:
    newest, state = ledger.newest, row.state
    operation, effective_at = ISSUED, None
    if newest is not None:
        operation = RENEWED if _moves_on(row, newest) else CHANGED
        effective_at = _takes_over_at(row, newest, ledger.latest_at, now)
        # A correction in the register does not undo what the issuer decided by an act.
        if operation == CHANGED and ledger.by_act and ledger.state != State.VALID.code:
            state = ledger.state
    version = newest.version + 1 if newest else 1
    planned = Planned(
        row, version, operation, state, ledger.superseded(now), ledger.events, effective_at
    )
    assert row.valid_from is not None  # noqa: S101  # _faults_of refused the others
    standing = Standing(
        version, row.source_key, row.source_hash, row.valid_from, row.valid_until,
        slot=None, planned=len(plan.versions), effective_at=effective_at,
    )  # fmt: skip
    ledger.versions.append(standing)
    ledger.by_source[row.source_key] = standing
    ledger.events += events_of(planned)
    ledger.by_act = ledger.by_act and state == ledger.state
    ledger.state = state
    if effective_at is not None:
        ledger.latest_at = effective_at
    plan.versions.append(planned)


def _takes_over_at(
    row: Issuable, newest: Standing, latest_at: datetime | None, now: datetime
) -> datetime:
    """The first day of a later term, were it past or to come, though never before what happened
    to the certificate up to now; a change counts from now on."""
    assert row.valid_from is not None  # noqa: S101  # _faults_of refused the others
    begins = beginning_of(row.valid_from)
    if begins > now:
        return begins
    if row.valid_from == newest.valid_from:
        return now
    return min(now, begins if latest_at is None else max(begins, latest_at))


def events_of(planned: Planned) -> int:
    """How many events a version brings: its being a later one, and its not being valid."""
    return (planned.operation != ISSUED) + (planned.state != State.VALID.code)


def _moves_on(row: Issuable, newest: Standing) -> bool:
    if row.valid_from != newest.valid_from:
        return True
    return newest.valid_until is not None and (
        row.valid_until is None or row.valid_until > newest.valid_until
    )


def _faults_of(
    row: Issuable, ledger: _Ledger, check: Callable[[Issuable], None]
) -> list[IssueFault]:
    if row.valid_from is None:
        zh, en = "没有起始日期", "it has no first day of validity"
        return [_fault(row, "no-start", "valid_from", zh, en)]
    if row.state not in _STATES:
        return [
            _fault(row, "unknown-state", "state", "未知的证照状态代码", "no state has this code")
        ]
    try:
        check(row)
    except FaultsError as error:
        return [_fault(row, each.code, each.field, each.zh, each.en) for each in error.faults]
    except CertstoreError as error:
        return [_fault(row, error.code, error.field, error.zh, error.en)]
    newest = ledger.newest
    if newest is None:
        return []
    if row.valid_from < newest.valid_from:
        zh = "本行的有效期早于已签发的最新版本,不得覆盖"
        en = "the term is older than that of the newest version, which it may not overwrite"
        return [_fault(row, "older-term", "valid_from", zh, en)]
    if newest.version >= MOST_VERSIONS:
        return [_fault(row, "too-many-versions", None, "版本号已用尽", "no version number is left")]
    if ledger.act_planned:
        zh = "颁发部门已对该证照预定了操作,待其生效或撤回后再处理"
        en = "an act of the issuer is planned for this certificate; wait for it, or call it off"
        return [_fault(row, "act-planned", None, zh, en)]
    return []


def _fault(row: Issuable, rule: str, column: str | None, zh: str, en: str) -> IssueFault:
    return IssueFault(row.row_number, row.source_key, row.source_hash, rule, column, zh, en)
