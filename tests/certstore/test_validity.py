"""Validity rules: when a certificate ends, counted as the Civil Code has it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certstore.validity import Period, ValidityRule

DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2400, 12, 31))


@pytest.mark.parametrize(
    ("start", "period", "day_before", "corresponding"),
    [
        (date(2024, 1, 1), Period(years=1), date(2024, 12, 31), date(2025, 1, 1)),
        (date(2020, 1, 15), Period(years=5), date(2025, 1, 14), date(2025, 1, 15)),
        (date(2024, 2, 29), Period(years=1), date(2025, 2, 28), date(2025, 2, 28)),
        (date(2024, 2, 29), Period(years=4), date(2028, 2, 28), date(2028, 2, 29)),
        (date(2023, 2, 28), Period(years=1), date(2024, 2, 27), date(2024, 2, 28)),
        (date(2023, 3, 1), Period(years=1), date(2024, 2, 29), date(2024, 3, 1)),
        (date(2026, 1, 31), Period(months=1), date(2026, 2, 28), date(2026, 2, 28)),
        (date(2026, 1, 31), Period(months=2), date(2026, 3, 30), date(2026, 3, 31)),
        (date(2026, 11, 30), Period(months=3), date(2027, 2, 28), date(2027, 2, 28)),
        (date(2026, 12, 31), Period(days=1), date(2026, 12, 31), date(2027, 1, 1)),
        (date(2026, 1, 1), Period(years=1, days=30), date(2027, 1, 30), date(2027, 1, 31)),
        (date(9999, 6, 1), Period(years=5), date.max, date.max),
        (date(9999, 12, 31), Period(days=30), date.max, date.max),
    ],
    ids=lambda value: value.isoformat() if isinstance(value, date) else None,
)
def test_a_period_ends_on_the_corresponding_day_or_the_day_before(
    start: date, period: Period, day_before: date, corresponding: date
) -> None:
    assert period.last_day(start, "day-before") == day_before
    assert period.last_day(start, "corresponding-day") == corresponding


@given(DAYS, st.integers(0, 30), st.integers(0, 30), st.integers(0, 400))
def test_a_longer_period_never_ends_earlier(
    start: date, years: int, months: int, days: int
) -> None:
    period = Period(years, months, days)
    for ends in ("day-before", "corresponding-day"):
        last = period.last_day(start, ends)  # type: ignore[arg-type]
        assert last >= start - timedelta(days=1)
        for longer in (
            Period(years + 1, months, days),
            Period(years, months + 1, days),
            Period(years, months, days + 1),
        ):
            assert longer.last_day(start, ends) > last  # type: ignore[arg-type]


@given(DAYS, st.integers(1, 100))
def test_terms_in_years_that_follow_one_another_leave_no_day_out(start: date, years: int) -> None:
    if (start.month, start.day) == (2, 29):
        return  # the next term begins on 1 March, and ends with February from then on
    first = Period(years=years).last_day(start, "day-before")
    second = Period(years=years).last_day(first + timedelta(days=1), "day-before")
    assert Period(years=2 * years).last_day(start, "day-before") == second


def codes(rule: ValidityRule, valid_from: date, valid_until: date | None) -> set[str]:
    return {fault.code for fault in rule.faults(valid_from, valid_until)}


FROM = date(2024, 2, 29)


@pytest.mark.parametrize(
    ("rule", "until", "wrong"),
    [
        (ValidityRule("open"), None, set()),
        (ValidityRule("open"), FROM, {"end-not-allowed"}),
        (ValidityRule("either"), None, set()),
        (ValidityRule("either"), date(2024, 2, 28), {"ends-before-it-begins"}),
        (ValidityRule("term"), None, {"end-missing"}),
        (ValidityRule("term", longest=Period(years=1)), date(2025, 2, 28), set()),
        (ValidityRule("term", longest=Period(years=1)), date(2025, 3, 1), {"term-too-long"}),
        (ValidityRule("fixed", length=Period(years=5)), date(2029, 2, 28), set()),
        (ValidityRule("fixed", length=Period(years=5)), date(2029, 3, 1), {"end-differs"}),
        (ValidityRule("fixed", length=Period(years=5)), None, {"end-missing"}),
        (ValidityRule("until", until=date(2030, 12, 31)), date(2030, 12, 31), set()),
        (ValidityRule("until", until=date(2030, 12, 31)), date(2029, 12, 31), {"end-differs"}),
    ],
    ids=lambda value: value.kind if isinstance(value, ValidityRule) else str(value),
)
def test_dates_that_break_the_rule_are_named(
    rule: ValidityRule, until: date | None, wrong: set[str]
) -> None:
    assert codes(rule, FROM, until) == wrong


@given(DAYS, st.integers(1, 100))
def test_the_end_that_a_rule_gives_passes_it(start: date, years: int) -> None:
    rule = ValidityRule("fixed", length=Period(years=years))
    assert codes(rule, start, rule.end_of(start)) == set()


def test_a_renewal_is_allowed_between_two_days_around_the_end() -> None:
    end = date(2026, 6, 30)
    rule = ValidityRule("term", renew_from_days_before=30, renew_until_days_after=10)
    assert rule.renewal_window(end) == (date(2026, 5, 31), date(2026, 7, 10))
    allowed = {day: rule.may_renew_on(end, end + timedelta(days=day)) for day in (-31, -30, 10, 11)}
    assert allowed == {-31: False, -30: True, 10: True, 11: False}
    assert ValidityRule("term").may_renew_on(end, date(2099, 1, 1))
    assert rule.may_renew_on(None, date(2099, 1, 1))
    assert rule.renewal_window(date.max)[1] == date.max
