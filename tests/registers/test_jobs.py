"""The worker as a process of its own: queued pulls run, a killed worker's pull is taken up."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from exchange.certificates.tables import certificates
from exchange.demo.registers import Manifest
from tests.hub import Served
from tests.registers.environment import environment
from tests.registers.pulls import PARTS, count, request, seen

ROOT = Path(__file__).resolve().parents[2]


# What `yici worker` runs once the database was found safe; the tests' own database is not.
WORKER = (
    "from exchange.jobs import run_worker; from exchange.settings import load_settings;"
    "run_worker(load_settings())"
)


@contextlib.contextmanager
def worker(served: Served) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process, stopped at the end whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env=environment(served.hub.settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.02)


def is_done(served: Served, register: str, pull: UUID) -> bool:
    return bool(seen(served, register, pull)["state"] == "done")


@pytest.mark.slow
def test_a_queued_pull_is_run_and_sigterm_ends_the_worker(
    served: Served, manifest: Manifest
) -> None:
    first = request(served, "market-regulator")
    with worker(served) as process:
        wait_until(lambda: is_done(served, "market-regulator", first), "a pull queued before")
        second = request(served, "transport-bureau")
        wait_until(lambda: is_done(served, "transport-bureau", second), "a pull queued after")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


@pytest.mark.slow
def test_what_a_killed_worker_left_the_next_one_takes_up(
    served: Served, manifest: Manifest
) -> None:
    register = "market-regulator"
    wanted = request(served, register)
    with worker(served) as process:
        wait_until(lambda: seen(served, register, wanted)["state"] != "requested", "the start")
        process.kill()
        process.wait()
    with worker(served):
        wait_until(lambda: is_done(served, register, wanted), "the end")
    found = seen(served, register, wanted)
    assert found["received"] == sum(found[part] for part in PARTS)
    assert found["unchanged"] == 0
    assert count(served.hub, certificates) == manifest.enterprises.clean
