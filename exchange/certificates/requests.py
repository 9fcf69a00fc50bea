"""What systems asked for under a name of their own: written down before a key is used.

A request that comes again is answered with what it came to; one that was cut short is taken up
where it stood, with the serial and the place in the status list that it was given.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from exchange.certificates.records import Slot
from exchange.certificates.tables import certificate_requests as table
from exchange.errors import Conflict


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a department's system about one certificate.

    ``digest`` is over what was asked for. ``version`` and ``sequence`` say, once it is done, which
    version and event it came to.
    """

    department: str
    request: str
    digest: bytes
    act: str
    requested_by: str
    intended_at: datetime
    issuer: str
    type_code: str
    serial: str
    batch: UUID | None = None
    slot: Slot | None = None
    done_at: datetime | None = None
    version: int | None = None
    sequence: int | None = None


def digest_of(*parts: Any) -> bytes:
    """SHA-256 over what is asked for, in canonical form."""
    encoded = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(encoded).digest()


def find_request(connection: sa.Connection, department: str, request: str) -> Request | None:
    """What a department asked for under this name."""
    row = connection.execute(
        sa.select(table).where(table.c.department == department, table.c.request == request)
    ).one_or_none()
    if row is None:
        return None
    return Request(
        department=row.department, request=row.request, digest=bytes(row.digest), act=row.act,
        requested_by=row.requested_by, intended_at=row.intended_at, issuer=row.issuer,
        type_code=row.type_code, serial=row.serial, batch=row.batch,
        slot=None if row.status_list is None else Slot(row.status_list, row.status_index),
        done_at=row.done_at, version=row.version, sequence=row.sequence,
    )  # fmt: skip


def intend(connection: sa.Connection, wanted: Request) -> Request:
    """Write a request down, or find it where it was written down before.

    Raises:
        Conflict: the department used this name for something else.
    """
    slot = wanted.slot
    connection.execute(
        insert(table)
        .values(
            department=wanted.department, request=wanted.request, digest=wanted.digest,
            act=wanted.act, requested_by=wanted.requested_by, intended_at=wanted.intended_at,
            issuer=wanted.issuer, type_code=wanted.type_code, serial=wanted.serial,
            batch=wanted.batch, status_list=slot.number if slot else None,
            status_index=slot.index if slot else None,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    found = find_request(connection, wanted.department, wanted.request)
    assert found is not None  # noqa: S101  # it was there or has just been added
    check_same(found, wanted.act, wanted.digest)
    return found


def check_same(found: Request, act: str, digest: bytes) -> None:
    """Raise Conflict where a request's name was used for something else."""
    if (found.act, found.digest) != (act, digest):
        raise Conflict(
            "该 request 已用于另一内容的请求,请换用新的编号。",
            "This request was used for something else; take a new one.",
            members={"reason": "request-reused"},
        )


def finish(
    connection: sa.Connection,
    department: str,
    request: str,
    *,
    version: int,
    sequence: int,
    now: datetime,
) -> bool:
    """Say what a request came to. False where another attempt at it was faster."""
    done = connection.execute(
        sa.update(table)
        .where(
            table.c.department == department,
            table.c.request == request,
            table.c.done_at.is_(None),
        )
        .values(done_at=now, version=version, sequence=sequence)
    )
    return bool(done.rowcount)
