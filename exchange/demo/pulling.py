"""Act a: three registers become certificates, and nothing is issued twice."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from stdnum.cn import uscc

from certstore.errors import IdentifierError
from certstore.identifiers import CertificateIdentifier, serial_from
from certstore.types import load_types
from connectors.definitions import Definition, load_definitions
from exchange.client.certificates import Standing
from exchange.client.problems import YiciProblem
from exchange.client.registers import Pull, Register
from exchange.client.system import Yici
from exchange.demo import cast
from exchange.demo.cast import SampleSystem
from exchange.demo.playing import Enterprise, Play, StoryFailed, expect

PULL_WITHIN: Final = 240.0
_VALID: Final = "01"
_ABSENT: Final = (None, "", "N/A")
_SHOWN: Final = 2


def pull_registers(play: Play) -> None:
    """Pull all three registers twice; say where every row went."""
    first = _pull_all(play)
    _tell_counts(play, first)
    _tell_quarantine(play, first)
    again = _pull_all(play)
    for register, pull in again.items():
        expect(
            (pull.issued, pull.revised) == (0, 0)
            and pull.quarantined == first[register].quarantined,
            f"再次归集 {register} 不应有任何变化",
            f"pulling {register} again must change nothing",
        )
    unchanged = sum(pull.unchanged for pull in again.values())
    play.tell.done(
        f"再次归集：{unchanged} 条全部未变，没有重复签发",
        f"pulled again: all {unchanged} unchanged, nothing issued twice",
    )
    _tell_terms(play)


def find_enterprise(play: Play) -> Enterprise:
    """The first enterprise of the register that has not played yet and has its licence in force.

    Each run revokes one; a run that was cut short has left traces of another.

    Raises:
        StoryFailed: none is left.
    """
    definition = _definition(cast.MARKET.code)
    market = play.system(cast.MARKET_SYSTEM)
    known = {account.account for account in play.stage.place.accounts()}
    for row in _rows(play.stage.registers / definition.source.file):
        code, name = row.get("统一社会信用代码") or "", row.get("企业名称") or ""
        if not name or code in known or not uscc.is_valid(code) or row.get("经营范围") in _ABSENT:
            continue
        standing = _find_standing(market, definition, code)
        if standing is not None and standing.state.code == _VALID and len(standing.versions) == 1:
            return Enterprise(code, name, CertificateIdentifier.parse(standing.identifier))
    raise StoryFailed(
        "登记簿中已没有未演示过、执照有效的企业；make clean 后可重新开始。",
        "no enterprise is left that has not played and has its licence in force; "
        "`make clean` starts anew.",
    )


def _pull_all(play: Play) -> dict[str, Pull]:
    """Have every department's register pulled, and wait for the worker."""
    waiting: dict[str, tuple[Yici, Pull]] = {}
    for sample in cast.REGISTRARS:
        system = play.system(sample)
        for register in system.registers():
            waiting[register.register] = (system, _request(play, system, register))
    done: dict[str, Pull] = {}
    deadline = time.monotonic() + PULL_WITHIN
    with play.tell.bars() as show:
        while len(done) < len(waiting):
            for name, (system, pull) in waiting.items():
                if name in done:
                    continue
                now = system.pull(name, pull.id)
                through = now.issued + now.revised + now.unchanged + now.quarantined
                show(name, through, now.received or None)
                if now.finished:
                    done[name] = now
            play.stage.check()
            expect(time.monotonic() < deadline, "归集按时结束", "the pulls end in time")
            time.sleep(0.1)
    for name in waiting:
        _check(done[name])
    return {name: done[name] for name in waiting}


def _request(play: Play, system: Yici, register: Register) -> Pull:
    try:
        return system.pull_register(register.register)
    except YiciProblem as problem:
        if problem.status != 409 or register.newest_pull is None:
            raise
    play.tell.told(
        f"{register.name.zh}：上次中断的归集由后台任务继续完成",
        f"{register.name.en}: the pull that was cut short is being completed",
    )
    return register.newest_pull


def _check(pull: Pull) -> None:
    if pull.state != "done":
        zh, en = (pull.failure.zh, pull.failure.en) if pull.failure else (pull.state, pull.state)
        raise StoryFailed(f"{pull.register} 归集未成功：{zh}", f"{pull.register} failed: {en}")
    expect(
        pull.received > 0 and pull.adds_up,
        f"{pull.register}：收到 = 新发 + 变更 + 未变 + 隔离",
        f"{pull.register}: received = issued + revised + unchanged + quarantined",
    )


def _tell_counts(play: Play, pulls: Mapping[str, Pull]) -> None:
    names = {_key(sample): sample.department for sample in cast.REGISTRARS}
    rows = [
        (
            f"{names[name].name_zh} {names[name].name_en}",
            pull.received, pull.issued, pull.revised, pull.unchanged, pull.quarantined,
        )
        for name, pull in pulls.items()
    ]  # fmt: skip
    play.tell.table(
        [
            ("部门", "department"), ("收到", "received"), ("新发", "issued"),
            ("变更", "revised"), ("未变", "unchanged"), ("隔离", "quarantined"),
        ],
        rows,
    )  # fmt: skip
    play.tell.done(
        "每行：收到 = 新发 + 变更 + 未变 + 隔离",
        "in every line: received = issued + revised + unchanged + quarantined",
    )
    if not any(pull.issued for pull in pulls.values()):
        play.tell.told("证照先前已签发，本次未变", "the certificates were issued before")


def _tell_quarantine(play: Play, pulls: Mapping[str, Pull]) -> None:
    shown: list[tuple[str, int, str, str, str]] = []
    for sample in cast.REGISTRARS:
        pull = pulls[_key(sample)]
        rows = [
            row
            for row in play.system(sample).quarantine(pull.register)
            if pull.started_at is not None
            and row.last_seen_at >= pull.started_at
            and row.severity == "critical"
        ]
        expect(
            len({row.row for row in rows}) == pull.quarantined,
            f"{pull.register}：隔离区的行数与统计一致",
            f"{pull.register}: as many rows stand in quarantine as were counted",
        )
        shown += [
            (pull.register, row.row, row.rule, row.masked_value or "—", f"{row.zh} · {row.en}")
            for row in list({row.row: row for row in reversed(rows)}.values())[: -_SHOWN - 1 : -1]
        ]
    if shown:
        play.tell.told("隔离区举例（值已遮盖）", "from quarantine (values masked)")
        play.tell.table(
            [
                ("登记簿", "register"),
                ("行", "row"),
                ("规则", "rule"),
                ("值", "value"),
                ("原因", "why"),
            ],
            shown,
        )  # fmt: skip


def _tell_terms(play: Play) -> None:
    """A renewed licence is a new version of the same certificate."""
    definition = _definition(cast.CITY.code)
    numbers = Counter(
        row.get("LICENSE NUMBER") or ""
        for row in _rows(play.stage.registers / definition.source.file)
    )
    for number, terms in numbers.most_common(10):
        standing = _find_standing(play.system(cast.CITY_SYSTEM), definition, number)
        if standing is None or terms < 2:
            continue
        versions = [CertificateIdentifier.parse(each) for each in standing.versions]
        expect(
            [each.version for each in versions] == list(range(1, len(versions) + 1))
            and len({each.certificate for each in versions}) == 1
            and len(versions) > 1,
            f"许可 {number} 的各期是同一证照的连续版本",
            f"the terms of licence {number} are successive versions of one certificate",
        )
        play.tell.done(
            f"许可 {number} 续期 {len(versions) - 1} 次：同一证照的版本 001–{len(versions):03}",
            f"licence {number}, renewed {len(versions) - 1} times: versions "
            f"001–{len(versions):03} of one certificate",
        )
        return
    raise StoryFailed("没有续期的许可可供展示", "no renewed licence is there to be shown")


def _find_standing(system: Yici, definition: Definition, number: str) -> Standing | None:
    kind = load_types()[definition.certificate_type]
    try:
        serial = serial_from(number)
        return system.certificate(
            str(CertificateIdentifier(kind.code, definition.department, serial, 1))
        )
    except IdentifierError:
        return None
    except YiciProblem as problem:
        if problem.status == 404:
            return None
        raise


def _definition(department: str) -> Definition:
    return next(each for each in load_definitions().values() if each.department == department)


def _key(sample: SampleSystem) -> str:
    return _definition(sample.department.code).key


def _rows(path: Path) -> Iterator[dict[str, str]]:
    # Only to know whom to ask about: what is broken here, the connectors have questioned.
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        yield from csv.DictReader(file)
