"""A million certificates: issued by a bulk job, looked up, and their states published.

Each figure is held against one taken in the same run: raw signatures of one core, or the same
lookup when the library held ten thousand.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID

from bench.installation import ISSUER, Installation, clean_row
from certstore.keys import Es256Signer
from certstore.status import StatusList, sign_status_list
from exchange.access import Caller
from exchange.bulk.records import Job
from exchange.bulk.service import Wanted

SMALL: Final = 10_000
DEFAULT: Final = 100_000
MILLION: Final = 1_000_000
TYPE: Final = "business-licence"
WORKER: Final = """
import sys
from uuid import UUID
from exchange.clock import SystemClock
from exchange.hub import build_hub
from exchange.jobs import bulk_of
from exchange.settings import load_settings
bulk_of(build_hub(load_settings(), SystemClock())).run(UUID(sys.argv[1]))
"""
HOUR: Final = timedelta(hours=1)
Say = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Ran:
    """A job that a worker ran: rows a second from the start of its first chunk to its end and
    overall, and the most memory its processes held, together and the largest, in MB."""

    job: Job
    rate: float
    overall: float
    memory: float
    largest: float


def measure(installation: Installation, say: Say, sign: float, seconds: float, count: int) -> None:
    """Everything about many certificates; ``sign`` is raw signatures of one core a second."""
    run_issue(installation, 0, SMALL)
    installation.knows(range(SMALL))
    before = lookups(installation, seconds)
    ran = run_issue(installation, SMALL, count)
    say(
        "bulk-issue", rate=round(ran.rate, 1), baseline=round(sign, 1),
        ratio=round(ran.rate / sign, 3), aim=0.3, met=ran.rate / sign >= 0.3, rows=count - SMALL,
        with_start=round(ran.overall, 1), memory_mb=round(ran.memory),
        largest_process_mb=round(ran.largest), memory_aim_mb=400, memory_met=ran.memory < 400,
        unit="certificates/s",
    )  # fmt: skip
    installation.knows(range(0, count, max(1, count // SMALL)))
    after = lookups(installation, seconds)
    grown = after["p50_ms"] / before["p50_ms"]
    say(
        "lookup-p50", certificates=count, p50_ms=after["p50_ms"], baseline_ms=before["p50_ms"],
        ratio=round(grown, 3), aim=1.2, met=grown <= 1.2,
    )  # fmt: skip
    say("status-list-one-of-a-million", **one_list(installation), aim_build_s=2, aim_read_ms=5)
    say("status-lists", certificates=count, **published(installation))


def run_issue(installation: Installation, first: int, end: int) -> Ran:
    """Issue rows by a bulk job in a worker process of its own."""
    hub = installation.hub
    caller = Caller("operator", "bench", ISSUER, frozenset({"certificates"}))
    permitted = hub.access.permit(caller, "read-certificate", resource_department=ISSUER)
    with tempfile.TemporaryFile() as file:
        write_rows(file, first, end)
        sha256 = hub.bulk.put_file(permitted, file).sha256
    job = hub.bulk.request(permitted, Wanted("issue", TYPE, sha256, "jsonl"))
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(job.id)])
    memory = largest = 0.0
    while worker.poll() is None:
        sizes = resident(worker.pid)
        memory, largest = max(memory, sum(sizes)), max([largest, *sizes])
        time.sleep(0.5)
    assert worker.returncode == 0, "the worker failed"
    done = hub.bulk.get(permitted, UUID(str(job.id)))
    assert done.state == "done" and done.counts["issued"] == end - first, done
    assert done.finished_at and done.taken_up_at  # it came to its end
    working = (done.finished_at - done.taken_up_at).total_seconds()
    whole = (done.finished_at - done.requested_at).total_seconds()
    return Ran(done, done.done / working, done.done / whole, memory, largest)


def write_rows(file: BinaryIO, first: int, end: int) -> None:
    """Clean rows as JSON Lines."""
    for number in range(first, end):
        row = clean_row(number)
        line = {
            "serial": row.serial,
            "holder": {"id_type": row.holder_id_type, "id": row.holder_id, "name": row.holder_name},
            "fields": dict(row.fields),
            "valid_from": str(row.valid_from),
        }
        file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def resident(pid: int) -> list[float]:
    """Resident memory of a process and of all below it, in MB each; pages that several share are
    counted in parts (PSS), so that the sum is what they hold together."""
    found: list[float] = []
    waiting = [pid]
    while waiting:
        place = Path(f"/proc/{waiting.pop()}")
        try:
            rollup = (place / "smaps_rollup").read_text()
            for task in (place / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
            found.append(int(rollup.partition("\nPss:")[2].split()[0]) / 1000)
        except (OSError, IndexError, ValueError):
            continue  # it has ended meanwhile
    return found


def lookups(installation: Installation, seconds: float) -> dict[str, Any]:
    """One lookup after the other over one connection."""
    with installation.serving(processes=1) as port:
        installation.load(port, 1, min(1.0, seconds), batch=1)  # caches are filled
        return installation.load(port, 1, seconds, batch=1)


def one_list(installation: Installation) -> dict[str, Any]:
    """One list of 2^20 entries, a tenth of them not valid: built and signed, then read."""
    size, signer = 1 << 20, Es256Signer.generate()
    values = [(index, 1 + index % 2) for index in range(0, size, 10)]
    now = installation.hub.clock.now()
    started = time.perf_counter()
    statuses = StatusList(2, size)
    statuses.set_all(values)
    token = sign_status_list(
        statuses, uri="https://bench.example/1", signer=signer, issued_at=now,
        ttl=HOUR, expires_at=now + HOUR,
    )  # fmt: skip
    built = time.perf_counter() - started
    started = time.perf_counter()
    for index in range(0, size, size // 1000):
        statuses.get(index)
    read = (time.perf_counter() - started) / 1000
    return {
        "entries": size, "build_s": round(built, 3), "read_ms": round(read * 1000, 4),
        "bytes": len(token), "met": built < 2 and read < 0.005,
    }  # fmt: skip


def published(installation: Installation) -> dict[str, Any]:
    """Every list of the issuer, built from the database, then read as a server serves it."""
    certificates = installation.hub.certificates
    with installation.hub.work.read() as connection:
        found = connection.exec_driver_sql("SELECT number FROM status_lists ORDER BY number")
        numbers = [row[0] for row in found]
    started = time.perf_counter()
    for number in numbers:
        certificates.status_list(ISSUER, number)
    built = time.perf_counter() - started
    started = time.perf_counter()
    for number in numbers:
        certificates.status_list(ISSUER, number)
    read = (time.perf_counter() - started) / len(numbers)
    return {
        "lists": len(numbers), "build_s": round(built, 3), "aim_build_s": 2,
        "read_ms": round(read * 1000, 3), "aim_read_ms": 5, "met": built < 2 and read < 0.005,
    }  # fmt: skip
