"""``/v1/audit``: the head of the log, proofs, receipts and, for auditors, the records."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from exchange.access import Allowed, Permitted, bearer
from exchange.http import HubOf, problems

router = APIRouter(prefix="/v1/audit", tags=["audit"])

# What a log can hold as a JSON number that every reader understands (RFC 7493 §2.2).
_MOST: Final = (1 << 53) - 1


class EntryOut(BaseModel):
    """One record and where it stands."""

    index: int
    recorded_at: str
    record: dict[str, Any]


class EntriesOut(BaseModel):
    """Records in the order of the log; ``next`` continues after the last one."""

    records: list[EntryOut]
    next: int | None


class ConsistencyOut(BaseModel):
    """An RFC 6962 consistency proof: hashes, hexadecimal."""

    old: int
    new: int
    proof: list[str]


@router.get(
    "/checkpoint",
    summary="Signed head of the log 日志检查点",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(404, 503),
    },
)
def read_checkpoint(hub: HubOf) -> Response:
    """The newest C2SP tlog-checkpoint. Public, and never older than the last answer given."""
    return Response(
        hub.audit.checkpoint(), media_type="text/plain", headers={"Cache-Control": "no-store"}
    )


@router.get(
    "/consistency", summary="Proof between two sizes 一致性证明", responses=problems(400, 404, 503)
)
def read_consistency(
    hub: HubOf,
    old: Annotated[int, Query(ge=1, le=_MOST, examples=[1])],
    new: Annotated[int, Query(ge=1, le=_MOST, examples=[2])],
) -> ConsistencyOut:
    """Proof that the log of size ``old`` is a prefix of the log of size ``new``. Public."""
    return ConsistencyOut(old=old, new=new, proof=hub.audit.consistency(old, new))


@router.get(
    "/receipts/{index}",
    summary="Receipt of one record 记录回执",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(400, 401, 403, 404, 503),
    },
)
def read_receipt(
    hub: HubOf, request: Request, index: Annotated[int, Path(ge=0, le=_MOST, examples=[0])]
) -> Response:
    """The C2SP tlog-proof of a record the caller's department caused (auditors: of any)."""
    caller = hub.tokens.caller(bearer(request))
    return Response(hub.audit.receipt(caller, index), media_type="text/plain")


@router.get("/records", summary="Read the log 查阅日志", responses=problems(400, 401, 403, 503))
def read_records(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-audit", resource=lambda _: None))],
    after: Annotated[int, Query(ge=-1, le=_MOST)] = -1,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    case: Annotated[str | None, Query(max_length=200)] = None,
) -> EntriesOut:
    """Records in order, for auditors. The reading stands in the log too."""
    entries = hub.audit.records(permitted, after=after, limit=limit, kind=kind, case=case)
    return EntriesOut(
        records=[
            EntryOut(
                index=entry.index,
                recorded_at=entry.recorded_at.isoformat(),
                record=entry.record,
            )
            for entry in entries
        ],
        next=entries[-1].index if len(entries) == limit else None,
    )
