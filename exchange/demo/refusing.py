"""Act g: what may not be looked up is refused, with the reason, and the refusal is on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from exchange.audit.records import parse_record
from exchange.client.applicant import Applicant
from exchange.client.lookups import Lookup
from exchange.client.problems import YiciProblem
from exchange.client.system import Yici
from exchange.demo import cast
from exchange.demo.playing import Play, StoryFailed, expect


@dataclass(frozen=True, slots=True)
class Attempt:
    """A lookup that must be refused, and the rule that must refuse it."""

    zh: str
    en: str
    system: Yici
    lookup: Lookup
    rule: str


def refuse(play: Play, asked: Lookup, applicant: Applicant) -> None:
    """Try what may not be; see each refusal's reason and its record in the log."""
    records: list[int] = []
    rows: list[tuple[str, str, str, int]] = []
    for attempt in _attempts(play, asked):
        problem = _refused(attempt)
        assert problem.record is not None  # noqa: S101  # _refused has looked
        records.append(problem.record)
        reason = problem.reasons[0]
        rows.append((f"{attempt.zh} {attempt.en}", reason.rule, reason.zh, problem.record))
        if problem.evidence is not None:
            play.keep(f"refusal-{reason.rule}.json", problem.evidence.as_dict())
    play.tell.table(
        [("情形", "attempt"), ("规则", "rule"), ("理由", "reason"), ("记录", "record")], rows
    )
    _check_log(play, records, [row[1] for row in rows])
    seen = {each.index for each in applicant.lookups()}
    expect(
        set(records) <= seen,
        "申请人能看到每一次（含被拒的）查验",
        "the applicant sees every attempt, refused ones too",
    )
    play.tell.done(
        f"{len(records)} 次拒绝均已入日志：{cast.AUDIT.name_zh}逐条核对，申请人本人也看得到",
        f"all {len(records)} refusals stand in the log: the audit office has checked each, "
        "and the applicant sees them too",
    )


def _attempts(play: Play, asked: Lookup) -> Iterator[Attempt]:
    centre = play.system(cast.CENTRE_SYSTEM)
    by_duty = replace(asked, basis="statutory", authorization=None)
    yield Attempt(
        "未说明事项", "no purpose", centre, replace(asked, item=None, case=None), "no-purpose"
    )
    yield Attempt(
        "未写明依据", "no basis", centre, replace(asked, basis=None, authorization=None), "no-basis"
    )
    yield Attempt(
        "事项清单之外的证照", "outside the item's list", centre,
        replace(by_duty, certificate_type="parking-facility-licence", fields=["business_name"]),
        "item-does-not-list-type",
    )  # fmt: skip
    yield Attempt(
        "没有规则的部门", "department without a rule", play.system(cast.CULTURE_SYSTEM),
        replace(by_duty, operator=cast.CULTURE_CLERK), "no-rule",
    )  # fmt: skip
    yield Attempt("授权次数用完", "authorization used up", centre, asked, "authorization-used-up")


def _refused(attempt: Attempt) -> YiciProblem:
    try:
        attempt.system.look_up(attempt.lookup)
    except YiciProblem as problem:
        expect(
            problem.status == 403
            and attempt.rule in problem.rules
            and problem.record is not None
            and problem.evidence is not None,
            f"“{attempt.zh}”应因 {attempt.rule} 被拒，而非 {problem.code} {problem.rules}",
            f"“{attempt.en}” should be refused by {attempt.rule}, "
            f"not {problem.code} {problem.rules}",
        )
        return problem
    raise StoryFailed(f"“{attempt.zh}”未被拒绝", f"“{attempt.en}” was not refused")


def _check_log(play: Play, records: list[int], rules: list[str]) -> None:
    """The audit office reads the log, and proves each record by its receipt."""
    office = play.system(cast.AUDIT_SYSTEM)
    entries = {
        entry.index: entry.record
        for entry in office.records(after=min(records) - 1, kind="refusal", limit=1000)
    }
    for index, rule in zip(records, rules, strict=True):
        proven = parse_record(office.receipt(index).record)
        expect(
            proven == entries.get(index)
            and (proven["kind"], proven["reason"]) == ("refusal", rule),
            f"记录 {index} 正是这次拒绝",
            f"record {index} is this refusal",
        )
