"""The embedded installation on its feet: database, keys, cast, server and worker in one folder.

Every step is idempotent and said aloud. The hub is prepared through the same services that the
command line uses; the story itself then goes through HTTP alone.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import httpx

from exchange import embedded
from exchange.clock import SystemClock
from exchange.demo.installation import (
    Account,
    Installation,
    child_environment,
    free_port,
    in_environment,
)
from exchange.demo.preparing import migrate, prepare, start_postgres
from exchange.demo.processes import Busy, Child, Lock
from exchange.demo.progress import Teller
from exchange.errors import Conflict

if TYPE_CHECKING:
    from exchange.hub import Hub

READY_WITHIN: Final = 60.0


class StageFault(Exception):
    """The installation cannot be used; ``zh`` and ``en`` say why and what to do."""

    def __init__(self, zh: str, en: str, quoted: str = "") -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.quoted = quoted


class Stage:
    """One embedded installation. :meth:`standing` brings it up and takes it down again."""

    def __init__(self, var: Path, tell: Teller) -> None:
        self.place = Installation(var.resolve())
        self.environment: dict[str, str] = {}
        self.url = ""
        self._tell = tell
        self._lock = Lock(self.place.var / "stage.lock")
        self._server = Child("server", self.place.logs)
        self._worker = Child("worker", self.place.logs)
        self._hub: Hub | None = None

    @property
    def issuer(self) -> str:
        """The hub's public address, which never changes."""
        return self.environment["YICI_PUBLIC_URL"]

    @property
    def registers(self) -> Path:
        """The folder that the departments' registers are read from."""
        return Path(self.environment["YICI_REGISTERS_DIR"])

    @contextmanager
    def standing(self, what: str, registers: Path | None) -> Iterator[None]:
        """Everything runs within the block. Where `yici serve` runs, that one is used.

        Raises:
            StageFault: it cannot be brought up.
        """
        try:
            self._lock.acquire(what=what)
        except Busy as busy:
            self._join(busy.note, registers)
            try:
                yield
            finally:
                self._forget_hub()
            return
        try:
            self._raise(registers)
            self._lock.write(what=what, url=self.url)
            yield
        finally:
            self._take_down()
            self._lock.release()

    def hub(self) -> Hub:
        """The hub in this process, for what only its operator does (registering accounts)."""
        if self._hub is None:
            from exchange.hub import build_hub
            from exchange.settings import load_settings

            with in_environment(self.environment):
                self._hub = build_hub(load_settings(), SystemClock())
        return self._hub

    def applicant(self, id_type: str, holder_id: str, name: str, *, played: bool) -> Account:
        """A sample account for a holder, at the hub too."""
        account = self.place.account(holder_id, name, played=played)
        self.hub().tokens.register_applicant(
            account.account, account.password, id_type=id_type, holder_id=holder_id, name=name
        )
        return account

    def check(self) -> None:
        """See that server and worker still run, where this process started them.

        Raises:
            StageFault: one has ended; with its last words.
        """
        if not self._lock.held:
            return
        for child in (self._server, self._worker):
            if child.has_ended():
                raise StageFault(
                    f"{child.name} 进程意外结束。",
                    f"The {child.name} process has ended.",
                    child.last_words(),
                )

    def command(self, *arguments: str) -> list[str]:
        """A ``yici`` command of this same installation of the program."""
        return [sys.executable, "-m", "exchange", *arguments]

    def child_environment(self) -> dict[str, str]:
        """The surroundings in which such a command sees this installation."""
        return child_environment(self.environment)

    @property
    def serves_here(self) -> bool:
        """Whether this process keeps it running, rather than another."""
        return self._lock.held

    def _raise(self, registers: Path | None) -> None:
        self._end_leftovers()
        server = start_postgres(self.place, self._tell)
        self.environment = self.place.write_environment(
            database_url=server.url("yici_app"),
            owner_database_url=server.url("yici_owner"),
            registers=self._registers(registers),
        )
        migrate(server, self._tell)
        prepare(self.place, self.environment, self.hub, self._tell)
        self._start_processes()

    def _end_leftovers(self) -> None:
        left = [child.name for child in (self._server, self._worker) if child.stop()]
        if left:
            self._tell.told(
                f"上次未正常结束，已停止遗留的进程：{'、'.join(left)}",
                f"the last run was cut short; processes it left behind were stopped: "
                f"{', '.join(left)}",
            )

    def _registers(self, given: Path | None) -> Path:
        if given is None:
            from exchange.demo.registers import generate

            generate(self.place.generated)
            return self.place.generated
        return given.resolve()

    def _start_processes(self) -> None:
        wanted = int(self.issuer.rpartition(":")[2])
        port = free_port(wanted)
        self.url = f"http://127.0.0.1:{port}"
        surroundings = self.child_environment()
        self._server.start(
            self.command("serve", "--host", "127.0.0.1", "--port", str(port)), surroundings
        )
        self._worker.start(self.command("worker"), surroundings)
        with self._tell.waiting("启动服务", "starting the server"):
            self._wait_until_ready()
        self._tell.done(f"服务与后台任务已启动：{self.url}", f"server and worker run: {self.url}")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not _answers(f"{self.url}/readyz"):
            self.check()
            if time.monotonic() > deadline:
                raise StageFault(
                    f"服务 {READY_WITHIN:.0f} 秒内未就绪。",
                    f"The server is not ready within {READY_WITHIN:.0f} seconds.",
                    self._server.last_words(),
                )
            time.sleep(0.05)

    def _join(self, note: Mapping[str, Any], registers: Path | None) -> None:
        """Use what another process keeps running."""
        url, pid = str(note.get("url", "")), note.get("pid", "?")
        if note.get("what") != "serve" or not url or not _answers(f"{url}/readyz"):
            raise StageFault(
                f"另一个进程（{pid}）正在使用 {self.place.var.name}，请等它结束后再试。",
                f"Process {pid} is using {self.place.var.name}; wait until it has ended.",
            )
        self.environment = self.place.environment()
        self.url = url
        wanted = registers.resolve() if registers else self.place.generated
        if self.registers != wanted:
            raise StageFault(
                "正在运行的服务使用的是另一套登记簿，请先停止它（Ctrl-C）再演示。",
                "The running service reads other registers; stop it (Ctrl-C) first.",
            )
        self._tell.told(
            f"服务已在运行（进程 {pid}，{url}），使用它",
            f"a service runs already (process {pid}, {url}): using that one",
        )

    def _take_down(self) -> None:
        self._forget_hub()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Child.stop, (self._server, self._worker)))
        embedded.stop(self.place.postgres)

    def _forget_hub(self) -> None:
        if self._hub is not None:
            self._hub.engine.dispose()
            self._hub = None


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within the block SIGTERM and a closed terminal end the process as Ctrl-C does: in order."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(each, interrupt) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


def serve_embedded(var: Path) -> int:
    """Serve the embedded installation until Ctrl-C or SIGTERM. The exit code."""
    tell = Teller()
    stage = Stage(var, tell)
    tell.title("一次 · 启动内置环境", "Yici · serving the embedded installation")
    given = stage.place.environment().get("YICI_REGISTERS_DIR")
    registers = Path(given) if given and Path(given) != stage.place.generated else None
    return guarded(tell, lambda: _serve(stage, tell, registers))


def _serve(stage: Stage, tell: Teller, registers: Path | None) -> int:
    if registers is not None and not registers.is_dir():
        tell.told("上次使用的登记簿目录已不在", "the folder of registers used last is gone")
        registers = None
    with stage.standing("serve", registers):
        if not stage.serves_here:
            tell.failed("无需再启动一次", "there is no need to start it again")
            return 1
        show_addresses(stage, tell)
        if not stage.place.accounts():
            tell.told(
                "还没有演示数据：先运行 make demo", "no sample data yet: run `make demo` first"
            )
        tell.told("按 Ctrl-C 停止", "Ctrl-C stops it")
        try:
            while True:
                stage.check()
                time.sleep(0.5)
        except KeyboardInterrupt:
            tell.told("正在停止", "stopping")
    return 0


def stop_embedded(var: Path) -> None:
    """Stop whatever of the embedded installation runs: whoever serves it, children, database."""
    place = Installation(var.resolve())
    if not place.var.exists():
        return
    lock = Lock(place.var / "stage.lock")
    deadline = time.monotonic() + READY_WITHIN
    asked = False
    while True:
        try:
            lock.acquire(what="stop")
            break
        except Busy as busy:
            if not asked and isinstance(busy.note.get("pid"), int):
                asked = True
                _ask_to_end(busy.note["pid"])
            if time.monotonic() > deadline:
                raise embedded.EmbeddedFault(
                    "正在运行的进程没有停止 · what runs does not stop"
                ) from None
            time.sleep(0.05)
    for name in ("server", "worker"):
        Child(name, place.logs).stop()
    embedded.stop(place.postgres)
    lock.release()


def show_addresses(stage: Stage, tell: Teller) -> None:
    """Where to look: the interface, its documentation, sample logins, and the files."""
    tell.table(
        [("看什么", "what"), ("在哪里", "where")],
        [
            ("接口文档 interface", f"{stage.url}/docs"),
            ("事项目录 items", f"{stage.url}/v1/items"),
            ("日志检查点 signed head of the log", f"{stage.url}/v1/audit/checkpoint"),
            ("设置 settings", str(stage.place.environment_file)),
            ("演示留下的文件 what the story left", str(stage.place.demo)),
        ],
    )
    accounts = stage.place.accounts()[-3:]
    if accounts:
        tell.table(
            [
                ("申请人", "applicant"),
                ("账号", "account"),
                ("密码", "password"),
                ("执照", "licence"),
            ],
            [
                (
                    each.holder_name,
                    each.account,
                    each.password,
                    "演示过 played" if each.played else "有效 in force",
                )
                for each in reversed(accounts)
            ],
        )


def guarded(tell: Teller, run: Callable[[], int]) -> int:
    """Run, and turn what goes wrong into a sentence and an exit code."""
    try:
        with ended_by_signals():
            return run()
    except Conflict as fault:  # the database is of another version of this program
        tell.failed(
            f"{fault.zh} 演示数据可用 make clean 清除后重来。",
            f"{fault.en} For the demo, `make clean` begins anew.",
        )
        return 1
    except StageFault as fault:
        tell.failed(fault.zh, fault.en)
        if fault.quoted:
            tell.quote(fault.quoted)
        return 1
    except KeyboardInterrupt:
        tell.failed("已中断；下次会从这里恢复。", "Interrupted; the next run recovers from here.")
        return 130


def _ask_to_end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
