"""Rows of the bulk room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from exchange.bulk.records import UNFINISHED, Chunk, Imported, Job, Part, Refusal, Step
from exchange.bulk.tables import (
    bulk_chunks,
    bulk_files,
    bulk_jobs,
    bulk_objects,
    bulk_refusals,
    imported_certificates,
)

_JOB = [bulk_jobs.c[name] for name in Job.__dataclass_fields__]
_CHUNK = [bulk_chunks.c[name] for name in Chunk.__dataclass_fields__]
_PART = [bulk_objects.c[name] for name in Part.__dataclass_fields__]
_REFUSAL = [bulk_refusals.c[name] for name in Refusal.__dataclass_fields__]
_IMPORTED = [imported_certificates.c[name] for name in Imported.__dataclass_fields__]


def add_file(
    connection: sa.Connection, *, department: str, sha256: str, size: int, by: str, now: datetime
) -> bool:
    """Note that a department handed a file over. False where it had before."""
    added = connection.execute(
        insert(bulk_files)
        .values(
            department=department, sha256=sha256, size=size, received_at=now, received_by=by
        )
        .on_conflict_do_nothing()
        .returning(bulk_files.c.size)
    ).one_or_none()  # fmt: skip
    return added is not None


def find_file(connection: sa.Connection, department: str, sha256: str) -> int | None:
    """The size of a file of the department's own, in bytes."""
    found: int | None = connection.execute(
        sa.select(bulk_files.c.size).where(
            bulk_files.c.department == department, bulk_files.c.sha256 == sha256
        )
    ).scalar_one_or_none()
    return found


def add_job(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Request a job."""
    connection.execute(sa.insert(bulk_jobs).values(state="waiting", **values))


def find_job(connection: sa.Connection, job: UUID, *, lock: bool = False) -> Job | None:
    """The job of an id; held against changes with ``lock``."""
    asked = sa.select(*_JOB).where(bulk_jobs.c.id == job)
    row = connection.execute(asked.with_for_update() if lock else asked).one_or_none()
    return Job(*row) if row else None


def jobs_of(
    connection: sa.Connection, department: str | None, *, limit: int, before: UUID | None = None
) -> list[Job]:
    """Jobs of a department, or of all where it is None, the newest first."""
    # Ids are ordered by time (UUID version 7).
    asked = sa.select(*_JOB).order_by(bulk_jobs.c.id.desc()).limit(limit)
    if department is not None:
        asked = asked.where(bulk_jobs.c.department == department)
    if before is not None:
        asked = asked.where(bulk_jobs.c.id < before)
    return [Job(*row) for row in connection.execute(asked)]


def unfinished(connection: sa.Connection, department: str | None = None) -> list[Job]:
    """Every job that waits or runs, the oldest first."""
    asked = sa.select(*_JOB).where(bulk_jobs.c.state.in_(UNFINISHED)).order_by(bulk_jobs.c.id)
    if department is not None:
        asked = asked.where(bulk_jobs.c.department == department)
    return [Job(*row) for row in connection.execute(asked)]


def change(connection: sa.Connection, job: UUID, values: Mapping[str, Any]) -> None:
    """Write how a job stands."""
    connection.execute(sa.update(bulk_jobs).where(bulk_jobs.c.id == job).values(**values))


def add_chunk(connection: sa.Connection, job: Job, step: Step, now: datetime) -> None:
    """Add what became of a chunk; its number must be the next one."""
    connection.execute(
        sa.insert(bulk_chunks).values(
            job=job.id,
            number=job.chunks + 1,
            rows=step.rows,
            counts=dict(step.counts),
            digest=step.digest,
            committed_at=now,
        )
    )
    add_parts(connection, job.id, [step.part] if step.part else [])
    add_refusals(connection, job.id, step.refusals)


def add_parts(connection: sa.Connection, job: UUID, parts: Sequence[Part]) -> None:
    """Name the objects that a job leaves behind; they are in the store already."""
    if parts:
        connection.execute(
            sa.insert(bulk_objects),
            [
                {"job": job, **{name: getattr(part, name) for name in Part.__dataclass_fields__}}
                for part in parts
            ],
        )


def parts(connection: sa.Connection, job: UUID) -> list[Part]:
    """The objects that a job left behind, by name."""
    rows = connection.execute(
        sa.select(*_PART).where(bulk_objects.c.job == job).order_by(bulk_objects.c.name)
    )
    return [Part(*row) for row in rows]


def find_part(connection: sa.Connection, job: UUID, name: str) -> Part | None:
    """One object that a job left behind."""
    row = connection.execute(
        sa.select(*_PART).where(bulk_objects.c.job == job, bulk_objects.c.name == name)
    ).one_or_none()
    return Part(*row) if row else None


def add_refusals(connection: sa.Connection, job: UUID, refusals: Sequence[Refusal]) -> None:
    """Keep why rows were refused."""
    if not refusals:
        return
    positions: dict[int, int] = {}
    rows = []
    for refusal in refusals:
        position = positions[refusal.row_number] = positions.get(refusal.row_number, 0) + 1
        rows.append(
            {
                "job": job,
                "row_number": refusal.row_number,
                "position": position,
                "field": refusal.field,
                "rule": refusal.rule,
                "zh": refusal.zh,
                "en": refusal.en,
            }
        )
    connection.execute(sa.insert(bulk_refusals), rows)


def chunks(connection: sa.Connection, job: UUID) -> list[Chunk]:
    """The chunks of a job in order."""
    rows = connection.execute(
        sa.select(*_CHUNK).where(bulk_chunks.c.job == job).order_by(bulk_chunks.c.number)
    )
    return [Chunk(*row) for row in rows]


def refusals(
    connection: sa.Connection, job: UUID, *, after: tuple[int, int], limit: int
) -> list[tuple[int, Refusal]]:
    """Refusals of a job behind (row, position), in order, each with its position."""
    r = bulk_refusals.c
    rows = connection.execute(
        sa.select(r.position, *_REFUSAL)
        .where(r.job == job, sa.tuple_(r.row_number, r.position) > sa.tuple_(*after))
        .order_by(r.row_number, r.position)
        .limit(limit)
    )
    return [(row[0], Refusal(*row[1:])) for row in rows]


def known_imports(
    connection: sa.Connection, department: str, digests: Iterable[bytes]
) -> set[bytes]:
    """Which of these credentials the department has imported already."""
    c = imported_certificates.c
    rows = connection.execute(
        sa.select(c.digest).where(c.department == department, c.digest.in_(list(digests)))
    )
    return {bytes(row.digest) for row in rows}


def add_imports(
    connection: sa.Connection,
    department: str,
    job: UUID,
    found: Sequence[Imported],
    now: datetime,
) -> None:
    """Keep imported certificates."""
    if found:
        connection.execute(
            sa.insert(imported_certificates),
            [
                {
                    **{name: getattr(each, name) for name in Imported.__dataclass_fields__},
                    "department": department,
                    "job": job,
                    "imported_at": now,
                }
                for each in found
            ],
        )


def imports_of_holder(
    connection: sa.Connection, department: str, holder_key: bytes, *, sound: bool, limit: int
) -> list[Imported]:
    """What a department imported of a holder, by identifier."""
    c = imported_certificates.c
    rows = connection.execute(
        sa.select(*_IMPORTED)
        .where(c.department == department, c.holder_key == holder_key, c.sound == sound)
        .order_by(c.identifier, c.digest)
        .limit(limit)
    )
    return [Imported(*row) for row in rows]
