"""A child process for what strangers send: limited in memory, time and output, free to die.

The child is a fresh Python that runs one module, gets its request on standard input and writes
its answer to a file. It has none of the caller's environment.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certstore.errors import DocumentError

_MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use: bytes of address space and of answer, seconds of processor and of
    wall-clock time."""

    memory: int = 768 * _MEGABYTE
    cpu_seconds: int = 8
    wall_seconds: float = 15.0
    answer: int = 4 * _MEGABYTE


AT_ONCE: Final = max(1, min(4, (os.cpu_count() or 1)))
_SLOTS: Final = threading.BoundedSemaphore(AT_ONCE)


def run_limited(module: str, request: bytes, limits: Limits) -> bytes:
    """What `python -m module` answers to `request`.

    Raises DocumentError: `time-limit`, `memory-limit` (also for a child that died without a
    word), `busy` when `AT_ONCE` children keep running for as long as one may.
    """
    if not _SLOTS.acquire(timeout=limits.wall_seconds):
        raise DocumentError(
            "busy", "正在检查的文件过多，请稍后再试", "too many files are being checked; try later"
        )
    try:
        return _run(module, request, limits)
    finally:
        _SLOTS.release()


def _run(module: str, request: bytes, limits: Limits) -> bytes:
    with (
        tempfile.TemporaryDirectory(prefix="yici-check-", ignore_cleanup_errors=True) as home,
        tempfile.TemporaryFile(dir=home) as answer,
    ):
        # Started with the module's own limits as arguments: what is set between fork and exec
        # would not be safe in a process with threads.
        process = subprocess.Popen(  # noqa: S603
            [
                sys.executable, "-m", module,
                str(limits.memory), str(limits.cpu_seconds), str(limits.answer),
            ],
            stdin=subprocess.PIPE,
            stdout=answer,
            stderr=subprocess.DEVNULL,  # a traceback may hold what is in the file
            cwd=home,
            env=_environment(home),
            start_new_session=True,
        )  # fmt: skip
        try:
            process.communicate(request, timeout=limits.wall_seconds)
        except subprocess.TimeoutExpired:
            raise _over_time() from None
        finally:
            process.kill()
            process.wait()
        if process.returncode == 0:
            answer.seek(0)
            return answer.read(limits.answer)
        # The kernel ends who is over its processor time, and the child itself one that is over
        # its memory; a child that dies in another way has met a fault in a parser.
        if process.returncode in (-24, -9):
            raise _over_time()
        raise DocumentError(
            "memory-limit",
            "检查该文件所需内存超过上限",
            "checking the file takes more memory than is allowed",
        )


def limit_this_process(arguments: list[str]) -> None:
    """Called by the child first of all: take the limits that its command line says."""
    memory, cpu, answer = (int(one) for one in arguments)
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, answer),
    ):
        hard = resource.getrlimit(kind)[1]
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (wanted, wanted))


def _over_time() -> DocumentError:
    return DocumentError(
        "time-limit",
        "检查该文件所需时间超过上限",
        "checking the file takes more time than is allowed",
    )


def _environment(home: str) -> dict[str, str]:
    source = str(Path(__file__).parents[2])
    search = [source, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(search),
    }
