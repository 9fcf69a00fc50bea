"""Running bulk jobs: chunk by chunk, each chunk's effect committed together with its progress.

A worker may be killed between any two statements. What a chunk wrote is there with the progress
it was, or neither is; issuing and ending, which commit on their own, recognise what they did.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import sqlalchemy as sa
import structlog

from certstore.errors import CertstoreError, ObjectError
from exchange.access import Access, Caller, Permitted
from exchange.audit.records import PreparedRecord, prepare
from exchange.bulk import repository
from exchange.bulk.records import ACTS, Failure, Job, Part, Step
from exchange.certificates.signing import BrokenProcessPool
from exchange.database import is_unreachable
from exchange.errors import HubError, Unavailable
from exchange.queue import defer
from exchange.unit_of_work import UnitOfWork, Work

TASK: Final = "run_bulk"
log = structlog.get_logger()


class Run(Protocol):
    """A job made ready: its rows are counted, its file is at hand."""

    @property
    def total(self) -> int:
        """The rows there are, done ones included."""
        ...

    def steps(self, cursor: Mapping[str, Any] | None) -> Iterator[Step]:
        """What is left to do behind a cursor, chunk by chunk. A step counts once it was taken."""
        ...

    def leave(self) -> Sequence[Part]:
        """What is left behind once every step was taken: objects that are in the store."""
        ...


class KindOfWork(Protocol):
    """One kind of jobs."""

    def open(self, job: Job, permitted: Permitted) -> contextlib.AbstractContextManager[Run]:
        """Make a job ready. Raises HubError or CertstoreError where it cannot be done at all."""
        ...


class _Overtaken(Exception):
    """Another worker took this job up, because this one's lock was lost."""


class Running:
    """Runs jobs, of each department and type one at a time in the whole installation."""

    def __init__(
        self,
        engine: sa.Engine,
        work: UnitOfWork[Any, Any],
        access: Access,
        kinds: Mapping[str, KindOfWork],
    ) -> None:
        self._engine = engine
        self._work = work
        self._access = access
        self._kinds = kinds

    def unfinished(self) -> list[UUID]:
        """The jobs that wait, or that a killed worker may have left behind; oldest first."""
        with self._work.read() as connection:
            return [job.id for job in repository.unfinished(connection)]

    def run(self, job: UUID, must_pause: Callable[[], bool] = lambda: False) -> None:
        """Run a job that waits, or take up one that was cut short.

        Returns at once where another worker has it, or an earlier job of the same department and
        type is not finished: whoever finishes that has this one run. ``must_pause`` is asked
        between chunks; a job that pauses stays running and is taken up again.
        """
        with self._work.read() as connection:
            found = repository.find_job(connection, job)
        if found is None or not found.unfinished:
            return
        ended = False
        with self._alone(found) as alone:
            if alone:
                ended = self._run_if_next(job, must_pause)
        if ended:
            self._wake(found.department)

    def _run_if_next(self, job: UUID, must_pause: Callable[[], bool]) -> bool:
        with self._work.read() as connection:
            found = repository.find_job(connection, job)
            others = repository.unfinished(connection, found.department) if found else []
        if found is None or not found.unfinished:
            return False
        if any(each.id < found.id and _meet(each, found) for each in others):
            return False
        try:
            return self._go(found, must_pause)
        except _Overtaken:
            return False

    def _go(self, job: Job, must_pause: Callable[[], bool]) -> bool:
        """Whether the job came to its end."""
        try:
            return self._steps(job, must_pause)
        except (BrokenProcessPool, Unavailable):
            raise  # the job stays running and is taken up again
        except ObjectError as error:
            if error.code == "unavailable":
                raise
            self._fail(job, Failure(error.code, error.zh, error.en))
        except (CertstoreError, HubError) as error:
            self._fail(job, Failure(error.code, _whole(error, "zh"), _whole(error, "en")))
        except _Overtaken:
            raise
        except Exception as error:
            if is_unreachable(error):
                raise
            # The class, never the text: it may repeat a row.
            log.error("bulk job broken off", kind=job.kind, error=type(error).__name__)
            zh, en = "系统内部错误,任务中止。", "Internal error; the job was broken off."
            self._fail(job, Failure("internal", zh, en))
        return True

    def _steps(self, job: Job, must_pause: Callable[[], bool]) -> bool:
        if job.stop_requested_at is not None:
            self._close(job, "stopped")
            return True
        permitted = self._access.permit(
            self._caller(job), ACTS[job.kind], resource_department=job.department
        )
        with self._kinds[job.kind].open(job, permitted) as run:
            job = self._started(job, run.total)
            with contextlib.closing(run.steps(job.cursor)) as steps:  # type: ignore[type-var]
                for step in steps:
                    job = self._commit(job, step)
                    if job.stop_requested_at is not None:
                        self._close(job, "stopped")
                        return True
                    if must_pause():
                        return False
            self._close(job, "done", parts=run.leave())
        return True

    def _caller(self, job: Job) -> Caller:
        """Whoever requested the job, with no more rights than then and no more than now."""
        scopes = frozenset(job.scopes)
        if job.requester_kind == "system":
            system = self._access.snapshot().systems.get(job.requested_by)
            alive = system is not None and system.disabled_at is None
            scopes = scopes & system.scopes if system is not None and alive else frozenset()
        return Caller(
            job.requester_kind, job.requested_by, job.department, scopes, job.requester_key
        )

    @contextlib.contextmanager
    def _alone(self, job: Job) -> Iterator[bool]:
        """Locks of the session: PostgreSQL lets go of them when the worker ends, however it ends.

        A job of one type shares the department with jobs of other types; a job of every type has
        it to itself.
        """
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                if job.type_key is None:
                    yield _locked(connection, "", f"yici bulk {job.department}")
                else:
                    yield _locked(connection, "_shared", f"yici bulk {job.department}") and _locked(
                        connection, "", f"yici bulk {job.department} {job.type_key}"
                    )
            finally:
                # Let go before whoever waits is woken; a session that ends is noticed later.
                with contextlib.suppress(sa.exc.DBAPIError):
                    connection.execute(sa.text("SELECT pg_advisory_unlock_all()"))
                connection.invalidate()

    def _started(self, job: Job, total: int) -> Job:
        with self._work.begin() as work:
            self._held(work, job)
            repository.change(
                work.connection,
                job.id,
                {
                    "state": "running",
                    "started_at": job.started_at or work.now,
                    "taken_up_at": work.now,
                    "progress_at": work.now,
                    "done_before": job.done,
                    "total": total,
                },
            )
            found = repository.find_job(work.connection, job.id)
            work.commit()
        assert found is not None  # noqa: S101  # jobs are never deleted
        return found

    def _commit(self, job: Job, step: Step) -> Job:
        if sum(step.counts.values()) != step.rows:
            raise AssertionError("a chunk must account for each of its rows")
        with self._work.begin() as work:
            self._held(work, job)
            if step.write is not None:
                step.write(work.connection, work.now)
            repository.add_chunk(work.connection, job, step, work.now)
            repository.change(
                work.connection,
                job.id,
                {
                    "done": job.done + step.rows,
                    "chunks": job.chunks + 1,
                    "cursor": dict(step.cursor),
                    "counts": _sum(job.counts, step.counts),
                    "progress_at": work.now,
                },
            )
            found = repository.find_job(work.connection, job.id)
            work.record(_of_chunk(job, step, work.now))
            work.commit()
        assert found is not None  # noqa: S101  # jobs are never deleted
        return found

    def _held(self, work: Work[Any, Any], job: Job) -> None:
        found = repository.find_job(work.connection, job.id, lock=True)
        if found is None or found.chunks != job.chunks or not found.unfinished:
            raise _Overtaken

    def _fail(self, job: Job, failure: Failure) -> None:
        log.warning("bulk job failed", kind=job.kind, code=failure.code)
        values = {
            "failure_code": failure.code,
            "failure_zh": failure.zh[:2000],
            "failure_en": failure.en[:2000],
        }
        self._close(job, "failed", values)

    def _close(
        self,
        job: Job,
        state: str,
        values: Mapping[str, Any] | None = None,
        parts: Sequence[Part] = (),
    ) -> None:
        with self._work.begin() as work:
            found = repository.find_job(work.connection, job.id, lock=True)
            if found is None or not found.unfinished:
                raise _Overtaken
            changed = {**(values or {}), "state": state, "finished_at": work.now}
            repository.change(work.connection, job.id, changed)
            repository.add_parts(work.connection, job.id, parts)
            work.record(of_end(found, state, work.now, changed.get("failure_code"), parts))
            work.commit()

    def _wake(self, department: str) -> None:
        """Have the jobs run that waited for this one."""
        with self._work.begin() as work:
            for job in repository.unfinished(work.connection, department):
                defer(work.connection, TASK, {"job": str(job.id)})
            work.commit()


def of_end(
    job: Job,
    state: str,
    now: datetime,
    reason: str | None = None,
    parts: Sequence[Part] = (),
) -> PreparedRecord:
    """The record of a job's end; the last of its parts is the manifest of the others."""
    return prepare(
        "bulk-ended",
        now,
        act=f"bulk-{job.kind}",
        batch=str(job.id),
        department=job.department,
        system=job.requested_by if job.requester_kind == "system" else None,
        type=job.type_key,
        count=job.done,
        counts=dict(job.counts) or None,
        result=parts[-1].sha256 if parts else None,
        reason=reason or ("stopped" if state == "stopped" else None),
        outcome="failed" if state == "failed" else "done",
    )


def _of_chunk(job: Job, step: Step, now: datetime) -> PreparedRecord:
    return prepare(
        "bulk-chunk",
        now,
        act=f"bulk-{job.kind}",
        batch=str(job.id),
        department=job.department,
        type=job.type_key,
        count=step.rows,
        counts={name: count for name, count in step.counts.items() if count} or None,
        result=step.digest,
        revision=job.chunks + 1,
        outcome="done",
    )


def _locked(connection: sa.Connection, mode: str, key: str) -> bool:
    statement = f"SELECT pg_try_advisory_lock{mode}(hashtextextended(:key, 0))"
    return bool(connection.execute(sa.text(statement), {"key": key}).scalar())


def _meet(one: Job, other: Job) -> bool:
    return one.type_key is None or other.type_key is None or one.type_key == other.type_key


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _whole(error: CertstoreError | HubError, language: str) -> str:
    """The error's sentence with the faults it names, which for a file are columns."""
    said: str = getattr(error, language)
    if not isinstance(error, HubError) or not error.faults:
        return said
    return f"{said} {'; '.join(f'{f.field}: {getattr(f, language)}' for f in error.faults[:20])}"
