"""A worker dies at any commit, or by SIGKILL at any moment: each row has its effect once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from exchange.audit.tables import audit_records
from exchange.bulk import ending, exporting, importing, resigning
from exchange.bulk.tables import bulk_chunks, bulk_objects, bulk_refusals
from exchange.certificates import issuing
from exchange.certificates.resigned import resigned_credentials
from exchange.certificates.tables import certificate_events, certificates
from exchange.unit_of_work import Work
from tests.bulk.jobs import (
    LICENCE,
    count,
    hand_over,
    issue,
    json_lines,
    row,
    running_of,
    seen,
    start,
)
from tests.bulk.test_other_jobs import WHY, identifier
from tests.hub import MARKET, Served
from tests.registers.environment import environment

ROOT = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("CRASH_SEED", "0")) or time.time_ns() % 100_000


class Died(BaseException):
    """The worker is gone; nothing after this runs."""


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing, "CHUNK", 5)
    for module in (ending, exporting, importing, resigning):
        monkeypatch.setattr(module, "CHUNK", 5)


@contextmanager
def death(at: int, *, committed: bool) -> Iterator[None]:
    """Die at the so-many-th commit, before it or behind it."""
    commit, left = Work.commit, at

    def mortal(work: Work[Any, Any]) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and not committed:
            raise Died
        appended = commit(work)
        if left == 0:
            raise Died
        return appended

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Work, "commit", mortal)
        yield


def run_through_deaths(served: Served, die: Random, kind: str, **wanted: Any) -> dict[str, Any]:
    """Run a job whose worker dies again and again, until one lives long enough."""
    with served.as_system(MARKET) as client:
        if "file" in wanted:
            wanted["file"] = hand_over(client, wanted["file"])
        job = start(client, kind, **wanted)
        for _ in range(60):
            # Four chunks are intended before the first is written: a short life gets nowhere.
            at = die.randint(1, 14)
            try:
                with death(at, committed=die.random() < 0.5):
                    running_of(served.hub).run(job)
            except Died:
                continue
            break
        return seen(client, job)


def chunks_recorded(served: Served, job: str) -> int:
    with served.hub.work.read() as connection:
        bodies = connection.execute(
            sa.select(audit_records.c.body).where(audit_records.c.kind == "bulk-chunk")
        ).scalars()
        return sum(job.encode() in bytes(body) for body in bodies)


@pytest.mark.parametrize("seed", [SEED, SEED + 1], ids=["once", "and again"])
def test_a_worker_that_dies_at_any_commit_issues_each_row_once(served: Served, seed: int) -> None:
    first = (seed - SEED) * 100 + 1
    rows: list[Any] = [row(n) for n in range(first, first + 33)]
    rows[4], rows[17] = {"serial": "X"}, {**rows[17], "valid_until": "2019-01-01"}
    before = count(served.hub, certificates)
    done = run_through_deaths(
        served, Random(seed), "issue", type=LICENCE, format="jsonl", file=json_lines(rows)
    )
    assert done["state"] == "done", f"CRASH_SEED={SEED}"
    assert done["counts"] == {"issued": 31, "revised": 0, "unchanged": 0, "refused": 2}
    assert count(served.hub, certificates) == before + 31
    assert chunks_recorded(served, done["job"]) == done["chunks"]


def test_a_worker_that_dies_at_any_commit_ends_each_certificate_once(served: Served) -> None:
    issue(served, [row(n) for n in range(1001, 1013)])
    rows = [{"identifier": identifier(n), **WHY} for n in range(1001, 1013)]
    rows.insert(3, {"identifier": identifier(1099), **WHY})
    before = count(served.hub, certificate_events)
    done = run_through_deaths(
        served, Random(SEED), "end", format="jsonl", state="04", file=json_lines(rows)
    )
    assert done["counts"] == {"ended": 12, "refused": 1}, f"CRASH_SEED={SEED}"
    assert count(served.hub, certificate_events) == before + 12


def test_a_worker_that_dies_at_any_commit_signs_each_certificate_anew_once(served: Served) -> None:
    issue(served, [row(n) for n in range(2001, 2018)])
    before = count(served.hub, resigned_credentials)
    done = run_through_deaths(served, Random(SEED), "resign", type=LICENCE)
    total = count(served.hub, certificates)
    assert done["counts"] == {"resigned": total, "unchanged": 0, "refused": 0}
    assert count(served.hub, resigned_credentials) == before + total


def test_a_worker_that_dies_at_any_commit_exports_each_certificate_once(served: Served) -> None:
    issue(served, [row(n) for n in range(3001, 3012)])
    before = count(served.hub, bulk_objects)
    done = run_through_deaths(served, Random(SEED), "export")
    assert done["counts"] == {"exported": count(served.hub, certificates)}
    # The parts, one status list, the trust document and the manifest.
    assert count(served.hub, bulk_objects) == before + done["chunks"] + 3


def test_two_workers_share_no_job_and_the_second_job_waits_for_the_first(served: Served) -> None:
    with served.as_system(MARKET) as client:
        file = hand_over(client, json_lines([row(n) for n in range(4001, 4030)]))
        wanted = {"type": LICENCE, "format": "jsonl", "file": file}
        first, second = (start(client, "issue", **wanted) for _ in range(2))
        third = start(client, "resign", type="parking-facility-licence")
        fourth = start(client, "export")
        running, other = running_of(served.hub), running_of(served.hub)
        asked: list[str] = []

        def while_it_runs() -> bool:
            if not asked:
                for job in (first, second, fourth):
                    other.run(job)
                    asked.append(seen(client, job)["state"])
                other.run(third)
                asked.append(seen(client, third)["state"])
            return False

        running.run(first, while_it_runs)
        assert asked == ["running", "waiting", "waiting", "done"]
        assert seen(client, first)["counts"]["issued"] == 29
        for job in running.unfinished():
            running.run(job)
        assert seen(client, second)["counts"]["unchanged"] == 29
        assert seen(client, fourth)["state"] == "done"


PROGRAM = """
import sys
from uuid import UUID
from exchange.certificates import issuing
from exchange.clock import SystemClock
from exchange.hub import build_hub
from exchange.jobs import bulk_of
from exchange.settings import load_settings
issuing.CHUNK = 50
running = bulk_of(build_hub(load_settings(), SystemClock()))
print("ready", flush=True)
running.run(UUID(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_worker_killed_at_random_moments_loses_and_doubles_nothing(served: Served) -> None:
    die, rows = Random(SEED), [row(n) for n in range(10_001, 11_501)]
    before = count(served.hub, certificates)
    with served.as_system(MARKET) as client:
        file = hand_over(client, json_lines([*rows, {"serial": "X"}]))
        job = start(client, "issue", type=LICENCE, format="jsonl", file=file)
        kills = 0
        for _ in range(12):
            if seen(client, job)["state"] not in ("waiting", "running"):
                break
            worker = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(job)],
                cwd=ROOT, env=environment(served.hub.settings), stdout=subprocess.PIPE,
            )  # fmt: skip
            assert worker.stdout is not None
            worker.stdout.readline()
            if kills < 3:
                time.sleep(die.uniform(0.05, 0.6))  # the random moment
                worker.send_signal(signal.SIGKILL)
                kills += 1
            worker.wait()
            worker.stdout.close()
        done = seen(client, job)
    assert done["counts"] == {"issued": 1500, "revised": 0, "unchanged": 0, "refused": 1}
    assert count(served.hub, certificates) == before + 1500
    with served.hub.work.read() as connection:
        rows_of = connection.execute(
            sa.select(sa.func.sum(bulk_chunks.c.rows)).where(bulk_chunks.c.job == UUID(done["job"]))
        ).scalar_one()
        refused = connection.execute(
            sa.select(sa.func.count()).where(bulk_refusals.c.job == UUID(done["job"]))
        ).scalar_one()
    assert rows_of == 1501
    assert refused == 3
