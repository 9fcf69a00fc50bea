"""Departments hand files over, have jobs run, see how far they came, and stop them.

:mod:`exchange.bulk.running` does the work, in a worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, BinaryIO, Final
from uuid import UUID

import sqlalchemy as sa

from certstore.holders import holder_key
from certstore.objects import ObjectStore
from exchange.access import Access, Permitted
from exchange.audit.records import PreparedRecord, prepare
from exchange.bulk import repository
from exchange.bulk.records import (
    ACTS,
    END,
    EXPORT,
    FORMATS,
    IMPORT,
    ISSUE,
    RESIGN,
    Imported,
    Job,
    Part,
    Refusal,
)
from exchange.bulk.running import TASK, of_end
from exchange.clock import Clock
from exchange.errors import BadRequest, Conflict, Fault, NotFound, file_too_large
from exchange.queue import defer
from exchange.unit_of_work import UnitOfWork

MOST_WAITING: Final = 20
"""Unfinished jobs of one department."""
MOST_FOUND: Final = 200
OCTETS: Final = "application/octet-stream"
_PAGE: Final = 1000
_WITH_FILE: Final = (ISSUE, END, IMPORT)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job is to do; see the schemas for which kind takes what."""

    kind: str
    type_key: str | None = None
    file: str | None = None
    form: str | None = None
    state: str | None = None
    key: str | None = None


class Bulk:
    """The room's service, on the server's side."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        access: Access,
        clock: Clock,
        objects: ObjectStore,
        *,
        holder_hmac_key: bytes,
        max_bytes: int,
    ) -> None:
        self._work = work
        self._access = access
        self._clock = clock
        self._objects = objects
        self._holder_hmac_key = holder_hmac_key
        self.max_bytes = max_bytes

    def put_file(self, permitted: Permitted, file: BinaryIO) -> Part:
        """Keep a file for a job to name by its SHA-256: the object first, then its row.

        Raises:
            TooLarge: it has more bytes than the settings allow.
            BadRequest: it is empty.
            StoreFault: of certstore, where the object store cannot be used.
        """
        size = file.seek(0, 2)
        if size > self.max_bytes:
            raise file_too_large(self.max_bytes)
        if size == 0:
            raise BadRequest(
                "文件是空的。", "The file is empty.",
                faults=(Fault("/file", "须含至少一行", "must hold at least one row"),),
            )  # fmt: skip
        file.seek(0)
        ref = self._objects.put(file, OCTETS)
        with self._work.begin() as work:
            added = repository.add_file(
                work.connection,
                department=permitted.department,
                sha256=ref.sha256,
                size=ref.size,
                by=permitted.caller.subject,
                now=work.now,
            )
            if added:
                work.record(
                    prepare(
                        "bulk-file",
                        work.now,
                        department=permitted.department,
                        system=_system(permitted),
                        key=permitted.caller.key,
                        count=ref.size,
                        result=ref.sha256,
                        outcome="done",
                    )
                )
            work.commit()
        return Part("", ref.sha256, ref.size, OCTETS)

    def request(self, permitted: Permitted, wanted: Wanted) -> Job:
        """Request a job; a worker runs it, after those of the same department and type that were
        requested before.

        Raises:
            Refused: the policy does not allow the kind's act.
            BadRequest: what is wanted does not fit its kind; NotFound: the file or the type.
            Conflict: too many jobs of the department wait.
        """
        permitted = self._access.permit(
            permitted.caller, ACTS[wanted.kind], resource_department=permitted.department
        )
        self._check(wanted)
        job = self._clock.new_id()
        with self._work.begin() as work:
            self._admit(work.connection, permitted, wanted)
            repository.add_job(
                work.connection, _row_of(job, permitted, wanted, requested_at=work.now)
            )
            defer(work.connection, TASK, {"job": str(job)})
            work.record(_of_request(job, permitted, wanted, work.now))
            work.commit()
        return self.get(permitted, job)

    def _admit(self, connection: sa.Connection, permitted: Permitted, wanted: Wanted) -> None:
        if wanted.file is not None and (
            repository.find_file(connection, permitted.department, wanted.file) is None
        ):
            raise NotFound(
                "没有该文件,请先提交到 /v1/bulk/files。",
                "There is no such file: send it to /v1/bulk/files first.",
            )
        if len(repository.unfinished(connection, permitted.department)) >= MOST_WAITING:
            raise Conflict(
                "本部门未完成的批量任务过多。",
                "Too many bulk jobs of the department are not finished.",
            )

    def _check(self, wanted: Wanted) -> None:
        faults = []
        if (wanted.kind in _WITH_FILE) != (wanted.file is not None):
            faults.append(Fault("/file", "此类任务须且只须给出文件", "only such kinds take a file"))
        if wanted.kind in (ISSUE, END) and wanted.form not in FORMATS:
            faults.append(Fault("/format", "须为 jsonl 或 csv", "must be jsonl or csv"))
        if wanted.kind == ISSUE and wanted.type_key is None:
            faults.append(Fault("/type", "必填项缺失", "is missing"))
        if faults:
            raise BadRequest(
                "任务内容有误,请按 faults 逐项修正。",
                "The job is not usable; mend each place named in faults.",
                faults=tuple(faults),
            )
        if wanted.type_key is not None and wanted.type_key not in self._access.snapshot().types:
            raise NotFound("没有该证照类型。", "There is no such certificate type.")

    def jobs(self, permitted: Permitted, *, limit: int, before: UUID | None) -> list[Job]:
        """The department's jobs, the newest first, from before an id on."""
        with self._work.read() as connection:
            return repository.jobs_of(connection, permitted.department, limit=limit, before=before)

    def get(self, permitted: Permitted, job: UUID) -> Job:
        """How far a job of the department's own has come. Raises NotFound."""
        with self._work.read() as connection:
            found = repository.find_job(connection, job)
        return _own(permitted, found)

    def stop(self, permitted: Permitted, job: UUID) -> Job:
        """Have a job stop after the chunk under way; what was done stays done.

        Raises:
            NotFound: the department has no such job.
            Conflict: it has come to its end already.
        """
        found = self.get(permitted, job)
        permitted = self._access.permit(
            permitted.caller, ACTS[found.kind], resource_department=permitted.department
        )
        with self._work.begin() as work:
            found = _own(permitted, repository.find_job(work.connection, job, lock=True))
            if not found.unfinished:
                raise Conflict("该任务已经结束。", "The job has come to its end already.")
            values: dict[str, Any] = {"stop_requested_at": found.stop_requested_at or work.now}
            if found.state == "waiting":
                values |= {"state": "stopped", "finished_at": work.now}
                work.record(of_end(found, "stopped", work.now))
            repository.change(work.connection, job, values)
            work.commit()
        return self.get(permitted, job)

    def report(self, permitted: Permitted, job: UUID) -> Iterator[Refusal]:
        """Why rows were refused, in their order; as far as the job has come.

        Raises:
            NotFound: the department has no such job; raised before the first one is taken.
        """
        self.get(permitted, job)
        return self._refusals(job)

    def _refusals(self, job: UUID) -> Iterator[Refusal]:
        after = (0, 0)
        while True:
            with self._work.read() as connection:
                page = repository.refusals(connection, job, after=after, limit=_PAGE)
            for _, refusal in page:
                yield refusal
            if len(page) < _PAGE:
                return
            after = page[-1][1].row_number, page[-1][0]

    def files(self, permitted: Permitted, job: UUID) -> list[Part]:
        """The files an export has left so far. Raises NotFound."""
        self.get(permitted, job)
        with self._work.read() as connection:
            return repository.parts(connection, job)

    def file(self, permitted: Permitted, job: UUID, name: str) -> tuple[Part, Iterator[bytes]]:
        """One of an export's files, in pieces; the log has it before the first byte leaves.

        Raises:
            NotFound: the department has no such job, or it left no such file.
            StoreFault: of certstore, where the object store has it not at hand.
        """
        part = self._part(permitted, job, name)
        self._record_reading(permitted, job, part, "file")
        pieces = self._objects.stream(part.sha256)
        # Taken here, so that an object that is gone is an answer of its own, not half a file.
        return part, chain((next(pieces, b""),), pieces)

    def link(
        self, permitted: Permitted, job: UUID, name: str, lifetime: timedelta
    ) -> tuple[str, datetime]:
        """An address that hands out one of an export's files to whoever has it, and until when.
        The log has it before the address leaves, once however often it is used.

        Raises like :meth:`file`, and certstore's ObjectError `bad-lifetime`.
        """
        part = self._part(permitted, job, name)
        now = self._clock.now()
        address = self._objects.link(
            part.sha256, now=now, lifetime=lifetime, media_type=part.media_type
        )
        self._record_reading(permitted, job, part, "link")
        return address, (now + lifetime).replace(microsecond=0)

    def _part(self, permitted: Permitted, job: UUID, name: str) -> Part:
        self.get(permitted, job)
        with self._work.read() as connection:
            part = repository.find_part(connection, job, name)
        if part is None:
            raise NotFound("没有该文件。", "There is no such file.")
        return part

    def _record_reading(self, permitted: Permitted, job: UUID, part: Part, how: str) -> None:
        with self._work.begin() as work:
            work.record(
                prepare(
                    "bulk-read",
                    work.now,
                    batch=str(job),
                    department=permitted.department,
                    system=_system(permitted),
                    key=permitted.caller.key,
                    result=part.sha256,
                    reason=how,
                    outcome="released",
                )
            )
            work.commit()

    def imported(
        self, permitted: Permitted, id_type: str, holder_id: str, *, flagged: bool
    ) -> list[Imported]:
        """What the department imported of a holder: with sound check digits, or those apart.

        Raises certstore's HolderError. The log has the search before the answer leaves.
        """
        key = holder_key(self._holder_hmac_key, id_type, holder_id)
        with self._work.read() as connection:
            found = repository.imports_of_holder(
                connection, permitted.department, key, sound=not flagged, limit=MOST_FOUND
            )
        with self._work.begin() as work:
            work.record(
                prepare(
                    "imported-read",
                    work.now,
                    department=permitted.department,
                    system=_system(permitted),
                    key=permitted.caller.key,
                    holder=key,
                    count=len(found),
                    certificates=[each.identifier for each in found] or None,
                    outcome="released" if found else "not-found",
                )
            )
            work.commit()
        return found


def _own(permitted: Permitted, job: Job | None) -> Job:
    if job is None or job.department != permitted.department:
        raise NotFound("没有该批量任务。", "There is no such bulk job.")
    return job


def _parameters(wanted: Wanted) -> dict[str, Any]:
    given = {"format": wanted.form, "state": wanted.state, "key": wanted.key}
    taken = {ISSUE: ("format",), END: ("format", "state"), RESIGN: ("key",), EXPORT: (), IMPORT: ()}
    return {name: given[name] for name in taken[wanted.kind] if given[name] is not None}


def _row_of(
    job: UUID, permitted: Permitted, wanted: Wanted, *, requested_at: datetime
) -> dict[str, Any]:
    caller = permitted.caller
    return {
        "id": job,
        "department": permitted.department,
        "kind": wanted.kind,
        "type_key": wanted.type_key,
        "file": wanted.file,
        "parameters": _parameters(wanted),
        "requested_by": caller.subject,
        "requester_kind": caller.kind,
        "requester_key": caller.key,
        "scopes": sorted(caller.scopes),
        "requested_at": requested_at,
    }


def _of_request(job: UUID, permitted: Permitted, wanted: Wanted, now: datetime) -> PreparedRecord:
    return prepare(
        "bulk-requested",
        now,
        act=f"bulk-{wanted.kind}",
        batch=str(job),
        department=permitted.department,
        system=_system(permitted),
        key=permitted.caller.key,
        type=wanted.type_key,
        request=wanted.file,
        policy=permitted.decision.policy_set,
        rules=permitted.decision.rules,
        outcome="pending",
    )


def _system(permitted: Permitted) -> str | None:
    return permitted.caller.subject if permitted.caller.kind == "system" else None
