"""``/v1/audit``: the head of the log, proofs, receipts and, for auditors, the records."""

from __future__ import annotations

import gzip
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from exchange.access import Allowed, Permitted, bearer
from exchange.audit.errors import CheckpointRefused
from exchange.audit.search import Question
from exchange.audit.service import Entry
from exchange.audit.tiles import WIDTH
from exchange.audit.witness import MOST_BYTES
from exchange.http import HubOf, problems

router = APIRouter(prefix="/v1/audit", tags=["audit"])
published = APIRouter(prefix="/log", tags=["log"])
# Its interface, errors as plain text included, is C2SP tlog-witness, not this hub's own.
witness = APIRouter(prefix="/witness", include_in_schema=False)

# Complete tiles never change; partial ones do not either, but are soon of no use.
_FOREVER: Final = "public, max-age=31536000, immutable"
_SHORTLY: Final = "public, max-age=60"
_AT_ONCE: Final = "public, max-age=1"

# What a log can hold as a JSON number that every reader understands (RFC 7493 §2.2).
_MOST: Final = (1 << 53) - 1


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Part = Annotated[str | None, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class EntryOut(BaseModel):
    """One record and where it stands."""

    index: int
    recorded_at: str
    record: dict[str, Any]


class EntriesOut(BaseModel):
    """Records in the order of the log; ``next`` continues after the last one."""

    records: list[EntryOut]
    next: int | None


class SearchHolderIn(_In):
    """Whose records: the holder's id type (GA/T 517 number, or a local type) and id."""

    id_type: Annotated[str, Field(min_length=1, max_length=40, examples=["001"])]
    id: Annotated[str, Field(min_length=1, max_length=100, examples=["91440101191193940U"])]


class SearchIn(_In):
    """What is looked for; a part left out asks for nothing."""

    kind: Part = None
    department: Part = None
    system: Part = None
    operator: Annotated[Part, Field(description="the operator's account")] = None
    case: Part = None
    item: Part = None
    lookup: UUID | None = None
    holder: SearchHolderIn | None = None
    since: Annotated[AwareDatetime | None, Field(description="from this time on")] = None
    until: Annotated[AwareDatetime | None, Field(description="before this time")] = None
    before: Annotated[int | None, Field(ge=0, le=_MOST, description="of a lower index")] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "lookup", "case": "2026-000123", "limit": 20}]}
    )

    def question(self) -> Question:
        """As the service asks it."""
        parts = self.model_dump(exclude={"holder", "lookup"})
        return Question(
            **parts,
            lookup=str(self.lookup) if self.lookup is not None else None,
            holder=(self.holder.id_type, self.holder.id) if self.holder is not None else None,
        )


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
    return _page(entries, limit)


def _page(entries: list[Entry], limit: int) -> EntriesOut:
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


@router.post("/search", summary="Search the log 检索日志", responses=problems(400, 401, 403, 503))
def search(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-audit", resource=lambda _: None))],
    asked: SearchIn,
) -> EntriesOut:
    """Records that fit every part given, the newest first, for auditors.

    A holder's id comes in the body and leaves no trace but its HMAC. The search stands in the
    log too. ``next`` is the ``before`` of the next page.
    """
    entries = hub.audit.search(permitted, asked.question())
    return _page(entries, asked.limit)


@published.get(
    "/checkpoint",
    summary="Published head of the log 公开的日志检查点",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(404, 503),
    },
)
def read_published_checkpoint(hub: HubOf) -> Response:
    """The newest checkpoint that enough witnesses cosigned, or without witnesses the newest."""
    return Response(
        hub.audit.published_checkpoint(),
        media_type="text/plain; charset=utf-8",
        headers={"Cache-Control": _AT_ONCE},
    )


@published.get(
    "/tile/{path:path}",
    summary="Tile or entry bundle 瓦片或条目包",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string"}}}},
        **problems(400, 404, 503),
    },
)
def read_published_tile(
    hub: HubOf,
    request: Request,
    path: Annotated[str, Path(max_length=100, examples=["0/000.p/1", "entries/000.p/1"])],
) -> Response:
    """A tile ``<level>/<number>[.p/<width>]`` or bundle ``entries/…`` as C2SP tlog-tiles says."""
    tile, content = hub.audit.tile(f"tile/{path}")
    headers = {"Cache-Control": _FOREVER if tile.width == WIDTH else _SHORTLY}
    if path.startswith("entries/"):
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            content = gzip.compress(content, mtime=0)
    return Response(content, media_type="application/octet-stream", headers=headers)


@witness.post("/add-checkpoint", response_class=Response)
async def add_checkpoint(hub: HubOf, request: Request) -> Response:
    """C2SP tlog-witness. Whoever holds a configured log's key may call it; nobody else can."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return Response(status_code=413)
    try:
        line = await run_in_threadpool(hub.witnessing.service.add_checkpoint, body)
    except CheckpointRefused as refused:
        return _refusal(refused)
    return Response(line, media_type="text/plain; charset=utf-8")


@witness.get("/{origin_hash}/checkpoint", response_class=Response)
def read_witnessed(
    hub: HubOf, origin_hash: Annotated[str, Path(pattern="^[0-9a-f]{64}$", examples=["0" * 64])]
) -> Response:
    """The checkpoint of the log whose origin has this SHA-256, with this witness's cosignature."""
    try:
        note = hub.witnessing.service.checkpoint(origin_hash)
    except CheckpointRefused as refused:
        return _refusal(refused)
    return Response(note, media_type="text/plain; charset=utf-8")


def _refusal(refused: CheckpointRefused) -> Response:
    if refused.size is not None:
        return Response(
            f"{refused.size}\n", status_code=refused.status, media_type="text/x.tlog.size"
        )
    return Response(
        f"{refused.en} · {refused.zh}\n",
        status_code=refused.status,
        media_type="text/plain; charset=utf-8",
    )
