"""Child processes that are found again after their parent was killed, and locks that are not
left behind by it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_PATIENCE = 25.0


class Busy(Exception):
    """Another process holds a lock; ``note`` says who and what it does."""

    def __init__(self, note: Mapping[str, Any]) -> None:
        super().__init__(f"held by process {note.get('pid', '?')}")
        self.note = dict(note)


class Lock:
    """One file that one process at a time may hold. The kernel lets go of it when it dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._file is not None

    def acquire(self, **note: Any) -> None:
        """Take the lock and leave a note in it.

        Raises:
            Busy: another process holds it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise Busy(self.note()) from None
        self._file = file
        self.write(**note)

    def write(self, **note: Any) -> None:
        """Replace the note of a lock that is held."""
        if self._file is None:
            raise ValueError("the lock is not held")
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps({"pid": os.getpid(), **note}))
        self._file.flush()

    def note(self) -> dict[str, Any]:
        """Whatever note stands in the file."""
        try:
            note = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def release(self) -> None:
        """Let go. The file stays: removing it would let two processes hold two files."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Child:
    """One long-running child process; a file remembers it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._notes = folder / f"{name}.pid"
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it; its output goes to a file of its name."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the parent, which then stops it in order.
            self._process = subprocess.Popen(  # noqa: S603
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        pid = self._process.pid
        self._notes.write_text(json.dumps({"pid": pid, "born": _born(pid)}), encoding="utf-8")

    def has_ended(self) -> bool:
        """Whether the process that :meth:`start` started is gone."""
        return self._process is None or self._process.poll() is not None

    def last_words(self, lines: int = 12) -> str:
        """The end of what it printed."""
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self) -> bool:
        """Stop it, also where an earlier parent started it. True where it was running."""
        pid = self._running()
        if pid is None:
            self._notes.unlink(missing_ok=True)
            return False
        for sign, patience in ((signal.SIGTERM, _PATIENCE), (signal.SIGKILL, _PATIENCE)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
            if self._ends_within(patience):
                break
        self._notes.unlink(missing_ok=True)
        return True

    def _running(self) -> int | None:
        try:
            note = json.loads(self._notes.read_text(encoding="utf-8"))
            pid = int(note["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not _alive(pid) or _born(pid) != note.get("born"):
            return None  # a reused process id is another program
        return pid

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._running() is not None:
            if self._process is not None:
                self._process.poll()
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else ""


def _born(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty where there is no /proc."""
    fields = _stat(pid)
    return fields[19] if len(fields) > 19 else ""


def _stat(pid: int) -> list[str]:
    # The name in parentheses may hold spaces; the fields after it do not.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
