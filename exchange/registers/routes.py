"""``/v1/registers``: a department has its registers pulled and sees what came of it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from exchange.access import Allowed, Permitted
from exchange.http import HubOf, problems
from exchange.registers.schemas import PullOut, QuarantineOut, RegisterOut, RegistersOut, WaitingOut

router = APIRouter(prefix="/v1/registers", tags=["registers"])

Pulls = Annotated[Permitted, Depends(Allowed("pull-register"))]
Reads = Annotated[Permitted, Depends(Allowed("read-quarantine"))]


@router.get("", summary="One's own registers 本部门登记簿", responses=problems(401, 403, 503))
def list_registers(hub: HubOf, permitted: Pulls) -> RegistersOut:
    """The department's registers, each with its newest pull."""
    found = hub.registers.of_department(permitted)
    return RegistersOut(registers=[RegisterOut.of(each, pull) for each, pull in found])


@router.post(
    "/{register}/pulls",
    status_code=202,
    summary="Pull a register 归集登记簿",
    responses=problems(401, 403, 404, 409, 503),
)
def request_pull(hub: HubOf, permitted: Pulls, register: str) -> PullOut:
    """Have a worker pull the register. One pull of a register at a time."""
    return PullOut.of(hub.registers.request_pull(permitted, register))


@router.get(
    "/{register}/pulls/{pull}",
    summary="How far a pull has come 归集进度",
    responses=problems(400, 401, 403, 404, 503),
)
def read_pull(hub: HubOf, permitted: Pulls, register: str, pull: UUID) -> PullOut:
    """State and counts; once done, received = issued + revised + unchanged + quarantined."""
    return PullOut.of(hub.registers.get_pull(permitted, register, pull))


@router.get(
    "/{register}/quarantine",
    summary="What waits in quarantine 隔离数据",
    responses=problems(400, 401, 403, 404, 503),
)
def read_quarantine(
    hub: HubOf,
    permitted: Reads,
    register: str,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> QuarantineOut:
    """Rows that failed a rule: row, rule, column and masked value."""
    found = hub.registers.quarantine(permitted, register, after=after, limit=limit)
    return QuarantineOut(
        findings=[WaitingOut.of(each) for each in found],
        next=found[-1].id if len(found) == limit else None,
    )
