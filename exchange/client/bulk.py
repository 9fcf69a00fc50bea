"""Bulk jobs of a department, as its system sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final
from uuid import UUID

from exchange.client.cases import Names
from exchange.client.session import Session
from exchange.client.transport import listed

UNFINISHED: Final = ("waiting", "running")


@dataclass(frozen=True, slots=True)
class BulkJob:
    """One job. ``done`` rows of ``total`` (None until counted) are the sum of ``counts``;
    ``seconds_left`` is None where it cannot be said."""

    id: UUID
    kind: str
    title: Names
    certificate_type: str | None
    state: str
    stopping: bool
    total: int | None
    done: int
    counts: Mapping[str, int]
    rows_per_second: float | None
    seconds_left: float | None
    failure: Names | None

    @property
    def finished(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.state not in UNFINISHED

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> BulkJob:
        """Read a job."""
        return cls(
            id=UUID(value["job"]),
            kind=value["kind"],
            title=Names.of(value["title"]),
            certificate_type=value["type"],
            state=value["state"],
            stopping=value["stopping"],
            total=value["total"],
            done=value["done"],
            counts=dict(value["counts"]),
            rows_per_second=value["rows_per_second"],
            seconds_left=value["seconds_left"],
            failure=Names.of(value["failure"]) if value["failure"] else None,
        )


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """Why a row was refused: the field and the rule, never the value."""

    row: int
    field: str | None
    rule: str
    zh: str
    en: str

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> RefusedRow:
        """Read a line of the report."""
        return cls(value["row"], value["field"], value["rule"], value["zh"], value["en"])


class BulkWork:
    """A department's bulk jobs: hand a file over, start, watch, stop, read what was refused."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def hand_over(self, rows: BinaryIO) -> str:
        """Hand a file of rows over, streamed; the SHA-256 by which jobs name it.

        Raises:
            YiciProblem: 413 over the hub's limit.
        """
        answer = self._session.send(
            "POST", "/v1/bulk/files", idempotent=True, files={"file": ("rows", rows)}
        )
        return answer.read(lambda value: str(value["sha256"]))

    def start(
        self,
        kind: str,
        *,
        certificate_type: str | None = None,
        file: str | None = None,
        form: str | None = None,
        state: str | None = None,
        key: str | None = None,
    ) -> BulkJob:
        """Start a job: ``issue``, ``resign``, ``end``, ``export`` or ``import``.

        ``form`` is ``jsonl`` or ``csv``; ``state`` is where ``end`` leads rows that name none;
        ``key`` is the kid that ``resign`` replaces. Raises YiciProblem.
        """
        asked = {
            "kind": kind,
            "type": certificate_type,
            "file": file,
            "format": form,
            "state": state,
            "key": key,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return self._session.send("POST", "/v1/bulk", idempotent=False, json=given).read(BulkJob.of)

    def jobs(self) -> list[BulkJob]:
        """The department's newest jobs, at most 200."""
        answer = self._session.send("GET", "/v1/bulk", params={"limit": 200})
        return answer.read(listed("jobs", BulkJob.of))

    def job(self, job: UUID) -> BulkJob:
        """How far a job has come. Raises YiciProblem."""
        return self._session.send("GET", f"/v1/bulk/{job}").read(BulkJob.of)

    def stop(self, job: UUID) -> BulkJob:
        """Have a job stop after the chunk under way.

        Raises:
            YiciProblem: 409 where it has ended already.
        """
        return self._session.send("DELETE", f"/v1/bulk/{job}").read(BulkJob.of)

    def refused(self, job: UUID) -> list[RefusedRow]:
        """Why rows were refused, in their order. Raises YiciProblem."""
        answer = self._session.send("GET", f"/v1/bulk/{job}/report", params={"format": "jsonl"})
        return [RefusedRow.of(json.loads(line)) for line in answer.content.splitlines()]

    def files(self, job: UUID) -> list[str]:
        """The names of the files that an export has left so far. Raises YiciProblem."""
        answer = self._session.send("GET", f"/v1/bulk/{job}/files")
        return answer.read(listed("files", lambda file: str(file["name"])))

    def file(self, job: UUID, name: str) -> bytes:
        """One file of an export. Raises YiciProblem."""
        return self._session.send("GET", f"/v1/bulk/{job}/files/{name}").content
