"""有效期 · when a certificate of a type ends, and when it may be renewed. Pure, in civil days.

Periods are counted as articles 201 and 202 of the Civil Code have it: a period in years or months
ends on the corresponding day of the last month, and where that month has no such day, on its last
day: five years from 29 February 2024 end on 28 February 2029.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from certstore.errors import Fault

Validity = Literal["open", "term", "either", "fixed", "until"]
Ends = Literal["day-before", "corresponding-day"]


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time: years and months by the calendar, then days."""

    years: int = 0
    months: int = 0
    days: int = 0

    def last_day(self, start: date, ends: Ends) -> date:
        """The last day of the period that begins on `start`.

        `day-before` counts the first day (1 January to 31 December is one year);
        `corresponding-day` does not, as article 201 has it where nothing else was agreed (1 January
        to 1 January). What lies beyond the calendar ends on 31 December 9999.
        """
        months = start.year * 12 + start.month - 1 + self.years * 12 + self.months
        year, month = divmod(months, 12)
        try:
            length = calendar.monthrange(year, month + 1)[1]
            last = date(year, month + 1, min(start.day, length))
            # Where there is no corresponding day, the end of the month is the last day itself.
            if ends == "day-before" and start.day <= length:
                return last + timedelta(days=self.days - 1)
            return last + timedelta(days=self.days)
        except (ValueError, OverflowError):
            return date.max

    def as_dict(self) -> dict[str, int]:
        """Years, months and days, those that are not 0."""
        parts = {"years": self.years, "months": self.months, "days": self.days}
        return {name: count for name, count in parts.items() if count}


@dataclass(frozen=True, slots=True)
class ValidityRule:
    """What dates certificates of a type have.

    - `open` 长期: a beginning only.
    - `term` 定期: a beginning and an end, which the issuer states; `longest` limits it.
    - `either`: as it comes; `longest` limits it where there is an end.
    - `fixed` 固定期限: the end follows from the beginning by `length`.
    - `until` 截至: every certificate ends on the day `until`.

    `renew_from_days_before` and `renew_until_days_after` bound when a renewal (延续) may begin its
    way, counted from the last day; None is no bound.
    """

    kind: Validity
    length: Period | None = None
    longest: Period | None = None
    until: date | None = None
    ends: Ends = "day-before"
    renew_from_days_before: int | None = None
    renew_until_days_after: int | None = None

    def end_of(self, valid_from: date) -> date | None:
        """The last day that the rule itself fixes, or None where the issuer states it."""
        if self.kind == "fixed" and self.length is not None:
            return self.length.last_day(valid_from, self.ends)
        return self.until if self.kind == "until" else None

    def latest_end_of(self, valid_from: date) -> date | None:
        """The last day a certificate may have at most, or None without a limit."""
        if self.longest is not None:
            return self.longest.last_day(valid_from, self.ends)
        return self.end_of(valid_from)

    def renewal_window(self, valid_until: date) -> tuple[date, date]:
        """First and last day on which a certificate that ends on `valid_until` may be renewed."""
        first, last = date.min, date.max
        before, after = self.renew_from_days_before, self.renew_until_days_after
        if before is not None and valid_until.toordinal() > before:
            first = valid_until - timedelta(days=before)
        if after is not None and date.max.toordinal() - valid_until.toordinal() > after:
            last = valid_until + timedelta(days=after)
        return first, last

    def may_renew_on(self, valid_until: date | None, on: date) -> bool:
        """Whether a certificate may be renewed on a day; one without an end always."""
        if valid_until is None:
            return True
        first, last = self.renewal_window(valid_until)
        return first <= on <= last

    def faults(self, valid_from: date, valid_until: date | None) -> Iterable[Fault]:
        """What is wrong with the dates of a certificate."""
        if valid_until is None:
            if self.kind not in ("open", "either"):
                yield _fault(
                    "end-missing", "此类证照必须有截止日期",
                    "a certificate of this type has an end date",
                )  # fmt: skip
            return
        if self.kind == "open":
            yield _fault(
                "end-not-allowed", "此类证照长期有效，没有截止日期",
                "a certificate of this type has no end date",
            )  # fmt: skip
        elif valid_until < valid_from:
            yield _fault(
                "ends-before-it-begins", "截止日期早于起始日期",
                "the end date is before the start date",
            )  # fmt: skip
        elif (end := self.end_of(valid_from)) is not None and valid_until != end:
            yield _fault(
                "end-differs", "截止日期与类型规定的有效期不符",
                "the end date is not the one that the type's validity rule gives",
            )  # fmt: skip
        elif (latest := self.latest_end_of(valid_from)) is not None and valid_until > latest:
            yield _fault(
                "term-too-long", "有效期超过此类证照的最长期限",
                "the term is longer than the type allows",
            )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """The rule as a definition states it; what is not set is left out."""
        renewal = {
            "from_days_before": self.renew_from_days_before,
            "until_days_after": self.renew_until_days_after,
        }
        stated = {
            "kind": self.kind,
            "length": self.length.as_dict() if self.length else None,
            "longest": self.longest.as_dict() if self.longest else None,
            "until": self.until.isoformat() if self.until else None,
            "ends": self.ends if self.length or self.longest else None,
            "renewal": {name: days for name, days in renewal.items() if days is not None} or None,
        }
        return {name: value for name, value in stated.items() if value is not None}


def _fault(code: str, zh: str, en: str) -> Fault:
    return Fault("valid_until", code, zh, en)
