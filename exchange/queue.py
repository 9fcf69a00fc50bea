"""Putting a job into the queue within the caller's own transaction: both happen, or neither."""

from __future__ import annotations

import json
from collections.abc import Mapping

import sqlalchemy as sa

SCHEMA = "jobs"
QUEUE = "registers"


def defer(connection: sa.Connection, task: str, arguments: Mapping[str, str]) -> None:
    """Put a job for ``task`` into the queue; workers see it once the caller commits."""
    # The queue's functions name its tables without their schema.
    connection.execute(sa.text(f"SET LOCAL search_path TO {SCHEMA}"))
    connection.execute(
        sa.text(
            "SELECT procrastinate_defer_jobs_v1(ARRAY["
            "  ROW(:queue, :task, 0, NULL, NULL, CAST(:arguments AS jsonb), NULL)"
            "]::procrastinate_job_to_defer_v1[])"
        ),
        {"queue": QUEUE, "task": task, "arguments": json.dumps(dict(arguments))},
    )
    connection.execute(sa.text("SET LOCAL search_path TO public"))
