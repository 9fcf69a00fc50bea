"""What each row means for the certificates that are there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from certstore.errors import Fault, FieldErrors
from certstore.life_cycle import CHANGE as CHANGED
from certstore.life_cycle import ISSUE as ISSUED
from certstore.life_cycle import RENEW as RENEWED
from exchange.certificates.planning import History, Plan, Standing, make_plan
from exchange.certificates.records import Issuable, Slot
from tests.certificates.rows import enterprise, term

PULL = UUID(int=7)
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


def anything_goes(row: Issuable) -> None:
    return None


def history_of(*rows: Issuable, pull: UUID | None = None, **more: object) -> History:
    versions = tuple(
        Standing(
            number, row.source_key, row.source_hash, row.valid_from or date.min,
            row.valid_until, Slot(1, number), pull=pull,
        )
        for number, row in enumerate(rows, 1)
    )  # fmt: skip
    return History(versions, **more)  # type: ignore[arg-type]


def plan_of(*rows: Issuable, there: History | None = None, pull: UUID | None = None) -> Plan:
    histories = {rows[0].serial: there} if there else {}
    return make_plan(rows, histories, anything_goes, pull=pull, now=NOW)


def test_a_new_serial_is_issued_as_version_1() -> None:
    (planned,) = plan_of(enterprise(1)).versions
    assert (planned.version, planned.operation, planned.supersedes) == (1, ISSUED, ())


def test_the_same_row_again_changes_nothing() -> None:
    plan = plan_of(enterprise(1), there=history_of(enterprise(1)))
    assert (plan.versions, plan.unchanged) == ([], 1)


def test_a_later_term_renews_the_same_certificate() -> None:
    there = history_of(term(1, 2024))
    (planned,) = plan_of(term(1, 2025), there=there).versions
    assert (planned.version, planned.operation) == (2, RENEWED)
    assert planned.supersedes == there.versions


def test_several_terms_in_one_pull_become_versions_in_order() -> None:
    plan = plan_of(term(1, 2023), term(1, 2024), term(1, 2025))
    assert [(each.version, each.operation) for each in plan.versions] == [
        (1, ISSUED),
        (2, RENEWED),
        (3, RENEWED),
    ]
    assert [each.planned for each in plan.versions[2].supersedes] == [1]


def test_other_content_of_the_same_row_and_term_changes_the_certificate() -> None:
    (planned,) = plan_of(
        enterprise(1, source_hash="f" * 64), there=history_of(enterprise(1))
    ).versions
    assert (planned.version, planned.operation) == (2, CHANGED)


def test_a_row_that_returns_to_its_earlier_content_is_a_change_too() -> None:
    there = history_of(enterprise(1), enterprise(1, source_hash="f" * 64))
    (planned,) = plan_of(enterprise(1), there=there).versions
    assert (planned.version, planned.operation) == (3, CHANGED)


def test_an_earlier_term_than_the_newest_never_overwrites() -> None:
    plan = plan_of(term(1, 2023), there=history_of(term(1, 2024)))
    assert plan.versions == []
    assert [fault.rule for fault in plan.faults] == ["older-term"]
    assert plan.faulty == 1


def test_known_earlier_terms_are_unchanged_beside_a_newer_one() -> None:
    there = history_of(term(1, 2023), term(1, 2024))
    plan = plan_of(term(1, 2023), term(1, 2024), term(1, 2025), there=there)
    assert plan.unchanged == 2
    assert [each.version for each in plan.versions] == [3]


def test_what_the_same_pull_issued_before_it_was_killed_counts_as_its_own() -> None:
    there = history_of(term(1, 2023), term(1, 2024), pull=PULL)
    plan = plan_of(term(1, 2023), term(1, 2024), there=there, pull=PULL)
    assert (plan.issued_before, plan.revised_before, plan.unchanged) == (1, 1, 0)


def test_a_correction_does_not_undo_what_the_issuer_decided_by_an_act() -> None:
    there = history_of(enterprise(1), events=1, state="07", by_act=True)
    (planned,) = plan_of(enterprise(1, source_hash="f" * 64), there=there).versions
    assert (planned.operation, planned.state) == (CHANGED, "07")


def test_a_renewal_is_granted_anew_whatever_became_of_the_earlier_term() -> None:
    there = history_of(term(1, 2024), events=1, state="07", by_act=True)
    (planned,) = plan_of(term(1, 2025), there=there).versions
    assert (planned.operation, planned.state) == (RENEWED, "01")


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"valid_from": None}, "no-start"),
        ({"state": "42"}, "unknown-state"),
    ],
)
def test_a_row_that_says_too_little_is_a_fault(more: dict[str, object], rule: str) -> None:
    plan = plan_of(enterprise(1, **more))
    assert [fault.rule for fault in plan.faults] == [rule]


def test_every_fault_its_type_finds_is_told_and_the_row_counts_once() -> None:
    def refuse(row: Issuable) -> None:
        raise FieldErrors(
            "certificate-invalid", "不符", "does not fit",
            [Fault("name", "field-missing", "缺", "missing"), Fault("x", "y", "z", "z")],
        )  # fmt: skip

    plan = make_plan([enterprise(1)], {}, refuse, pull=None, now=NOW)
    assert plan.faulty == 1
    assert [(fault.rule, fault.column) for fault in plan.faults] == [
        ("field-missing", "name"),
        ("y", "x"),
    ]


def test_version_999_is_the_last() -> None:
    newest = Standing(999, "k", "h", date(2020, 1, 15), None, Slot(1, 1))
    plan = plan_of(enterprise(1), there=History((newest,)))
    assert [fault.rule for fault in plan.faults] == ["too-many-versions"]


def test_a_term_to_come_takes_over_on_its_first_day_in_china() -> None:
    (planned,) = plan_of(term(1, 2027), there=history_of(term(1, 2026))).versions
    assert planned.effective_at == datetime(2026, 12, 31, 16, tzinfo=UTC)


def test_a_term_gone_by_took_over_on_its_first_day_though_not_before_what_happened_since() -> None:
    there = history_of(term(1, 2024))
    (planned,) = plan_of(term(1, 2025), there=there).versions
    assert planned.effective_at == datetime(2024, 12, 31, 16, tzinfo=UTC)
    suspended_at = datetime(2026, 3, 1, tzinfo=UTC)
    later = history_of(term(1, 2024), events=1, latest_at=suspended_at)
    (planned,) = plan_of(term(1, 2025), there=later).versions
    assert planned.effective_at == suspended_at


def test_a_change_counts_from_now_on() -> None:
    there = history_of(enterprise(1))
    (planned,) = plan_of(enterprise(1, source_hash="f" * 64), there=there).versions
    assert planned.effective_at == NOW


def test_a_correction_forestalls_a_version_that_is_still_to_come() -> None:
    rows = (term(1, 2026), term(1, 2027))
    there = history_of(*rows)
    to_come = replace(there.versions[1], effective_at=NOW + timedelta(days=200))
    history = History((there.versions[0], to_come))
    (planned,) = plan_of(term(1, 2027, source_hash="f" * 64), there=history).versions
    assert [each.version for each in planned.supersedes] == [2, 1]


def test_while_an_act_of_the_issuer_is_planned_its_register_waits() -> None:
    there = history_of(enterprise(1), events=1, act_planned=True)
    plan = plan_of(enterprise(1, source_hash="f" * 64), there=there)
    assert [fault.rule for fault in plan.faults] == ["act-planned"]
