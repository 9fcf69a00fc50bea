"""``make demo``: the whole story, every step over HTTP, every claim checked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from exchange.client.problems import YiciError
from exchange.clock import SystemClock
from exchange.demo import counter, proving, pulling, refusing, revoking, showing
from exchange.demo.installation import Installation
from exchange.demo.playing import Enterprise, Play, StoryFailed, expect, fetch_trust
from exchange.demo.processes import Busy, Lock
from exchange.demo.progress import Teller
from exchange.demo.stage import Stage, guarded, show_addresses

_LEFT: Final = (
    (showing.PDF, "加盖签章的营业执照，已被吊销 the sealed licence, since revoked"),
    (showing.COPY, "为办件制作的加注件 the annotated copy for the case"),
    (showing.CREDENTIAL, "同一执照，机器可读（SD-JWT VC） the same licence for machines"),
    (showing.CODE, "用过的用证码 the one-time code, used up"),
    (revoking.HISTORY, "签名的证照履历 the licence's signed history"),
    ("lookup.json", "查验的答复与回执 the lookup's answer and receipt"),
    (proving.LOG, "导出的日志 the exported log"),
)


def play(var: Path, registers: Path | None) -> int:
    """Play the story in the installation under ``var``. The exit code: 0 where all of it held.

    ``registers`` is a folder with three registers, read only; without it they are generated.
    """
    tell = Teller()
    tell.title("一次 · 政务数据交换与电子证照库", "Yici · give it once")
    if registers is not None and not registers.is_dir():
        tell.failed(f"没有目录 {registers}", f"there is no folder {registers}")
        return 1
    lock = Lock(Installation(var.resolve()).var / "story.lock")
    try:
        lock.acquire(what="demo")
    except Busy as busy:
        pid = busy.note.get("pid", "?")
        tell.failed(f"另一个演示正在进行（进程 {pid}）", f"another demo is playing (process {pid})")
        return 1
    try:
        return guarded(tell, lambda: _play(Stage(var, tell), tell, registers))
    finally:
        lock.release()


def _play(stage: Stage, tell: Teller, registers: Path | None) -> int:
    try:
        _tell(stage, tell, registers)
    except StoryFailed as failed:
        tell.failed(failed.zh, failed.en)
        if failed.quoted:
            tell.quote(failed.quoted)
        return 1
    except YiciError as error:
        tell.failed(f"枢纽：{error.zh}（{error.code}）", f"the hub: {error.en} ({error.code})")
        return 1
    return 0


def _tell(stage: Stage, tell: Teller, registers: Path | None) -> None:
    clock = SystemClock()
    mark = f"{clock.now():%Y%m%d-%H%M%S}-{clock.new_id().hex[-4:]}"
    tell.heading("准备", "the stage")
    with stage.standing("demo", registers):
        current = Play(stage, tell, mark, fetch_trust(stage))
        try:
            made, saved, enterprise = _acts(current)
            _leave_one(current)
        finally:
            current.close()
        _summary(current, made, saved, enterprise)


def _acts(current: Play) -> tuple[int, int, Enterprise]:
    tell = current.tell
    with tell.step("a", "三个登记簿成为证照", "three registers become certificates"):
        pulling.pull_registers(current)
        enterprise = pulling.find_enterprise(current)
        tell.told(
            f"本次的申请人：{enterprise.name}（{enterprise.credit_code}）",
            "this run's applicant, whose licence is in force",
        )
        account = current.stage.applicant(
            "001", enterprise.credit_code, enterprise.name, played=True
        )
    with tell.step("b", "审批系统受理办件", "an approval system opens a case"):
        centre = counter.open_case(current, enterprise)
    with tell.step("c", "申请人授权", "the applicant agrees"):
        applicant = current.sign_in(account)
        counter.ask_and_grant(current, centre, applicant)
    with tell.step("d", "查验证照，并离线证明", "the licence is looked up, and proven offline"):
        asked, result = counter.look_up(current, centre, enterprise)
        licence = showing.take_home(current, enterprise, applicant)
        showing.copy_for_case(current, centre, result)
        showing.show_once(current, centre, enterprise, applicant)
    with tell.step("e", "一次提交，两处使用", "given once, used twice"):
        first = counter.complete_case(current, centre, applicant)
        second = counter.reuse(current, enterprise, applicant)
        made, saved = counter.tell_savings(current, (first, second))
    with tell.step("f", "吊销即时生效", "a revocation counts at once"):
        revoking.revoke(current, centre, enterprise, asked, licence)
        revoking.prove_history(current, enterprise, applicant)
    with tell.step("g", "不该查的一律拒绝", "what may not be looked up is refused"):
        refusing.refuse(current, asked, applicant)
    with tell.step("h", "从日志证明一切", "the log proves all of it"):
        proving.prove_log(current)
    return made, saved, enterprise


def _show_files(current: Play) -> None:
    """What this run left, by name; every one of it has been proven above."""
    tell = current.tell
    missing = [name for name, _ in _LEFT if not (current.folder / name).exists()]
    expect(not missing, "演示文件齐全", "every file is there", ", ".join(missing))
    tell.told(f"本次留下的文件，在 {current.folder}", "what this run left there to look at")
    tell.table([("文件", "file"), ("内容", "what it is")], _LEFT)


def _leave_one(current: Play) -> None:
    """An account that still has its licence, for whoever looks around in `make serve`."""
    if all(account.played for account in current.stage.place.accounts()):
        enterprise = pulling.find_enterprise(current)
        current.stage.applicant("001", enterprise.credit_code, enterprise.name, played=False)


def _summary(current: Play, made: int, saved: int, enterprise: Enterprise) -> None:
    tell, stage = current.tell, current.stage
    tell.heading("全部成立", "all of it held")
    tell.done(
        f"{enterprise.name}：两个办件，提交 {made} 份，免交 {saved} 份；用时 {tell.seconds:.0f} 秒",
        f"two cases, {made} submitted, {saved} submissions saved; {tell.seconds:.0f} s",
    )
    _show_files(current)
    tell.told("接着看：make serve 用同一份数据提供服务", "next: `make serve` serves the same data")
    show_addresses(stage, tell)
