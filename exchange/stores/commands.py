"""What `yici check-store` does. Exit codes: 0 nothing found, 1 something found, 2 could not run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from exchange.stores.checking import Options, StoreCheck
from exchange.stores.findings import KEPT, KINDS, Finding, Tally

CLEAN, FOUND, UNUSABLE = 0, 1, 2


def check_store(
    console: Console,
    check: StoreCheck,
    options: Options,
    *,
    state: Path | None = None,
    as_json: bool = False,
) -> int:
    """Check the store and print a line per finding, then the sums, as text or as JSON lines.

    ``state`` is a file in which the run notes how far it came; where it is there already, the
    run goes on from it. It is removed at the end.

    Raises:
        StoreFault: the store cannot be used; Unavailable: the database cannot.
    """
    tally = _taken_up(state)
    if tally is None:
        console.print(
            f"无法读取进度文件 {state}，请删除后重试 / "
            f"{state} holds no progress of a check: remove it and try again",
            soft_wrap=True,
            markup=False,
        )
        return UNUSABLE

    def report(finding: Finding) -> None:
        _say(console, json.dumps(finding.as_dict()) if as_json else _line(finding))

    try:
        with _bar(console, hidden=as_json) as advance:

            def reached(now: Tally) -> None:
                advance(now.after)
                _note(state, now)

            check.run(options, tally, report=report, reached=reached)
    except KeyboardInterrupt:
        _say(console, _stopped(tally, state))
        return UNUSABLE
    if state is not None:
        state.unlink(missing_ok=True)
    _say(console, json.dumps({"summary": tally.counts()}) if as_json else _summary(tally))
    return FOUND if tally.findings else CLEAN


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _line(finding: Finding) -> str:
    zh, en = KINDS[finding.kind]
    places = f" ({', '.join(finding.tables)})" if finding.tables else ""
    end = ""
    if finding.repaired:
        end = " · 已修复 repaired"
    elif finding.kept is not None:
        kept_zh, kept_en = KEPT[finding.kept]
        end = f" · {kept_zh} {kept_en}"
    return f"[{finding.kind}] {finding.sha256}{places} {zh} · {en}{end}"


def _summary(tally: Tally) -> str:
    """The sums, a line in each language."""
    zh = [f"{KINDS[kind][0]} {number}" for kind, number in tally.found.items() if number]
    en = [f"{kind} {number}" for kind, number in tally.found.items() if number]
    return (
        f"登记引用 {tally.named}，库存对象 {tally.stored}，已核验散列 {tally.hashed}，"
        f"新近存入 {tally.young}，清除残片 {tally.swept}；"
        f"{'、'.join(zh) if zh else '未发现问题'}；已修复 {tally.repaired}\n"
        f"named {tally.named}, stored {tally.stored}, hashed {tally.hashed}, "
        f"young {tally.young}, swept {tally.swept}; "
        f"{', '.join(en) if en else 'nothing found'}; repaired {tally.repaired}"
    )


def _stopped(tally: Tally, state: Path | None) -> str:
    if state is None:
        return "已中断，下次从头开始 / stopped: the next run begins anew (use --state to go on)"
    return f"已中断于 {tally.after[:12]}，可凭 {state} 继续 / stopped: {state} leads on from here"


def _taken_up(state: Path | None) -> Tally | None:
    """The tally to go on with, a new one without a file, None for a file that holds none."""
    if state is None or not state.exists():
        return Tally()
    try:
        return Tally.from_dict(json.loads(state.read_bytes()))
    except (ValueError, OSError):
        return None


def _note(state: Path | None, tally: Tally) -> None:
    if state is not None:
        beside = state.with_name(f"{state.name}.new")
        beside.write_text(json.dumps(tally.as_dict()), encoding="utf-8")
        beside.replace(state)


@contextmanager
def _bar(console: Console, *, hidden: bool) -> Iterator[Callable[[str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("核对存储 check", total=1 << 32)

        def advance(after: str) -> None:
            # Names are hashes, spread evenly: how far a name lies is how much is done.
            progress.update(task, completed=int(after[:8] or "0", 16))

        yield advance
