"""The quality gate, seen from the caller: rows go to a worker process, findings come back.

Great Expectations takes 1.9 s and 200 MB to load, and a suite may use up memory or hang. So it runs
in a child process that is stopped at a time limit, limited in memory, and may die without harm.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from connectors.definition_shape import Definition, columns_of
from connectors.errors import ConnectorError
from connectors.worker_protocol import Closed, receive, send

TIME_LIMIT_S = 120.0
MEMORY_LIMIT_BYTES = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """``definition.quality[expectation]`` does not hold: for one row (position from 0) or, when
    ``row`` is None, for the register as a whole."""

    expectation: int
    row: int | None
    masked_value: str | None


class Gate(Protocol):
    """Judges the rows of a register against its definition's suite."""

    def warm(self) -> None:
        """Begin whatever takes long, without waiting for it."""
        ...

    def judge(
        self, definition: Definition, columns: Mapping[str, Sequence[str | None]]
    ) -> tuple[Finding, ...]:
        """Judge rows given column by column (all of one length).

        Raises ``ConnectorError``: ``gate-failed``, ``gate-timeout`` or ``limit-exceeded``.
        """
        ...


class WorkerGate:
    """A gate in a child process that is started when first needed and stays warm until closed.

    ``time_limit_s`` bounds one judgement, loading included; ``memory_limit_bytes`` the child's
    address space. After a crash or a time-out the next judgement starts a new child. May be used
    from several threads; judgements queue.
    """

    def __init__(
        self,
        *,
        time_limit_s: float = TIME_LIMIT_S,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    ) -> None:
        self._time_limit_s = time_limit_s
        self._memory_limit_bytes = memory_limit_bytes
        self._lock = threading.Lock()
        self._worker: _Worker | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, None when there is none."""
        worker = self._worker
        return None if worker is None else worker.process.pid

    def warm(self) -> None:
        """Start the child, so that it loads while the caller reads the source."""
        with self._lock, contextlib.suppress(OSError):  # judging will say why it cannot start
            self._running()

    def judge(
        self, definition: Definition, columns: Mapping[str, Sequence[str | None]]
    ) -> tuple[Finding, ...]:
        """See ``Gate.judge``."""
        if not definition.quality:
            return ()
        named = {
            name for expectation in definition.quality for name in columns_of(expectation.kwargs)
        }
        request = {
            "expectations": [{"expect": e.expect, "kwargs": e.kwargs} for e in definition.quality],
            # Columns nobody judges stay here. A table needs one column to have a length.
            "columns": {n: c for n, c in columns.items() if n in named}
            or dict(list(columns.items())[:1]),
        }
        with self._lock:
            try:
                worker = self._running()
            except OSError:
                raise _stopped(definition, None) from None
            try:
                answer = worker.ask(request, self._time_limit_s)
            except Closed:
                timed_out = worker.timed_out
                self._drop()
                raise _stopped(definition, self._time_limit_s if timed_out else None) from None
        return _findings(definition, answer)

    def close(self) -> None:
        """End the child and remove its folder. The gate may be used again."""
        with self._lock:
            self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _running(self) -> _Worker:
        if self._worker is not None and self._worker.process.poll() is not None:
            self._drop()  # it died while nobody asked, so nothing is lost
        if self._worker is None:
            self._worker = _Worker(self._memory_limit_bytes)
        return self._worker

    def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()


class _Worker:
    """One child process with a folder of its own as home and working directory."""

    def __init__(self, memory_limit_bytes: int) -> None:
        self.timed_out = False
        self._folder = tempfile.TemporaryDirectory(prefix="yici-gate-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "connectors.quality_worker", str(memory_limit_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback may hold values
            cwd=self._folder.name,
            env=_environment(self._folder.name),
            start_new_session=True,  # a Ctrl-C at the terminal is the caller's to handle
        )

    def ask(self, request: Any, time_limit_s: float) -> Any:
        """Send one request and wait for its answer; raises ``Closed`` if the child ends first."""
        if self.process.stdin is None or self.process.stdout is None:
            raise Closed
        self.timed_out = False
        # Killing the child is what unblocks the pipes, in whichever direction they wait.
        watch = threading.Timer(time_limit_s, self._stop)
        watch.daemon = True
        watch.start()
        try:
            send(self.process.stdin, request)
            return receive(self.process.stdout)
        finally:
            watch.cancel()

    def _stop(self) -> None:
        self.timed_out = True
        self.process.kill()

    def end(self) -> None:
        """Kill the child, if it lives, and wait for it; it keeps nothing that could be lost."""
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what cannot be flushed is wanted no more
                    stream.close()
        self.process.wait()
        self._folder.cleanup()


def _environment(home: str) -> dict[str, str]:
    """The child's whole environment: none of the caller's secrets, one thread, no telemetry."""
    source = str(Path(__file__).parents[1])
    search = [source, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": os.pathsep.join(search),
        "GX_ANALYTICS_ENABLED": "false",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _findings(definition: Definition, answer: Any) -> tuple[Finding, ...]:
    failure = answer.get("failure")
    if failure == "memory":
        raise ConnectorError(
            "limit-exceeded",
            "质量检查超过内存上限",
            "the quality gate needs more memory than it is allowed",
            definition.department,
        )
    if failure == "expectation":
        name = definition.quality[answer["expectation"]].expect
        place = f"quality.{answer['expectation']} ({name})"
        raise ConnectorError(
            "gate-failed",
            f"质量规则 {place} 无法执行",
            f"the expectation {place} could not be judged",
            definition.department,
        )
    if failure is not None:
        raise ConnectorError(
            "gate-failed",
            f"质量检查出错（{failure}）",
            f"the quality gate failed ({failure})",
            definition.department,
        )
    return tuple(Finding(*finding) for finding in answer["findings"])


def _stopped(definition: Definition, after_s: float | None) -> ConnectorError:
    if after_s is not None:
        return ConnectorError(
            "gate-timeout",
            f"质量检查超过 {after_s:g} 秒，已停止",
            f"the quality gate was stopped after {after_s:g} s",
            definition.department,
        )
    return ConnectorError(
        "gate-failed",
        "质量检查进程意外结束",
        "the quality gate's process ended unexpectedly",
        definition.department,
    )
