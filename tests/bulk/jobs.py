"""Bulk jobs for tests: files handed over and jobs started over HTTP, run by the worker's code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa

from exchange.bulk.running import Running
from exchange.hub import Hub
from exchange.jobs import bulk_of
from tests.hub import MARKET, Served, credit_code

LICENCE = "business-licence"


def row(number: int, **more: Any) -> dict[str, Any]:
    """A clean row for a business licence."""
    code = credit_code(number)
    return {
        "serial": code,
        "holder": {"id_type": "001", "id": code, "name": f"第{number}号有限公司"},
        "fields": {
            "name": f"第{number}号有限公司",
            "credit_code": code,
            "business_scope": "食品销售",
            "region": "广州",
            "registered_on": "2020-01-15",
        },
        "valid_from": "2020-01-15",
        **more,
    }


def json_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A file of rows."""
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in rows)


def hand_over(client: httpx.Client, content: bytes) -> str:
    """Hand a file over; its SHA-256."""
    answer = client.post("/v1/bulk/files", files={"file": ("rows", content)})
    assert answer.status_code == 201, answer.text
    sha256: str = answer.json()["sha256"]
    return sha256


def start(client: httpx.Client, kind: str, **wanted: Any) -> UUID:
    """Start a job; its id."""
    answer = client.post("/v1/bulk", json={"kind": kind, **wanted})
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "waiting"
    return UUID(answer.json()["job"])


def seen(client: httpx.Client, job: UUID) -> dict[str, Any]:
    """The job as its department sees it."""
    answer = client.get(f"/v1/bulk/{job}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def report(client: httpx.Client, job: UUID) -> list[dict[str, Any]]:
    """Why rows were refused."""
    answer = client.get(f"/v1/bulk/{job}/report", params={"format": "jsonl"})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def run(served: Served, kind: str, *, by: str = MARKET, file: bytes | None = None,
        **wanted: Any) -> dict[str, Any]:  # fmt: skip
    """Start a job, run it to its end in this process, and see it."""
    with served.as_system(by) as client:
        if file is not None:
            wanted["file"] = hand_over(client, file)
        job = start(client, kind, **wanted)
        running_of(served.hub).run(job)
        return seen(client, job)


def issue(served: Served, rows: Iterable[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """Issue business licences from rows."""
    wanted = {"type": LICENCE, "format": "jsonl", **more}
    return run(served, "issue", file=json_lines(rows), **wanted)


def running_of(hub: Hub) -> Running:
    """What a worker runs the jobs of a hub with."""
    return bulk_of(hub)


def count(hub: Hub, table: sa.Table) -> int:
    """Rows of a table."""
    with hub.work.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
