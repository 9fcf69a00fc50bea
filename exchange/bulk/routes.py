"""``/v1/bulk``: work by the hundred thousand, in the background."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from exchange.access import Allowed, Permitted
from exchange.bulk.reports import csv_lines, json_lines
from exchange.bulk.schemas import (
    BulkFileOut,
    BulkIn,
    BulkListOut,
    BulkOut,
    ExportedFilesOut,
    ImportedListOut,
    ImportedOut,
    ImportedSearchIn,
    LinkIn,
    LinkOut,
)
from exchange.http import HubOf, problems
from exchange.uploads import received
from exchange.wellformed import BULK_FILES

router = APIRouter(tags=["bulk"])

FileName = Annotated[
    str, Path(pattern="^[a-z]+(-[0-9]{1,9})?\\.(jsonl|json|jwt)$", examples=["manifest.json"])
]
Reads = Annotated[Permitted, Depends(Allowed("read-certificate"))]
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "行文件"}
                    },
                }
            }
        },
    }
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    BULK_FILES,
    status_code=201,
    summary="Hand a file of rows over 提交批量文件",
    openapi_extra=_UPLOAD,
    responses=problems(400, 401, 403, 413, 415, 503),
)
async def put_file(
    request: Request,
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-certificate"))],
) -> BulkFileOut:
    """Streamed to the object store; the same file again is the same file. Jobs name it by its
    SHA-256, and only those of the department that handed it over."""
    async with received(request, hub.bulk.max_bytes) as file:
        part = await run_in_threadpool(hub.bulk.put_file, permitted, file.file)
    return BulkFileOut(sha256=part.sha256, size=part.size)


@router.post(
    "/v1/bulk",
    status_code=202,
    summary="Start a bulk job 发起批量任务",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def start_bulk(hub: HubOf, permitted: Reads, body: BulkIn) -> BulkOut:
    """Issue, sign anew, end, export or import. A worker runs it in chunks, each of which is
    done once whatever happens; a second job of the same department and type waits."""
    return BulkOut.of(hub.bulk.request(permitted, body.wanted()))


@router.get(
    "/v1/bulk",
    summary="The department's bulk jobs 本部门批量任务",
    responses=problems(401, 403, 503),
)
def list_bulk(
    hub: HubOf,
    permitted: Reads,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: UUID | None = None,
) -> BulkListOut:
    """The newest first."""
    found = hub.bulk.jobs(permitted, limit=limit, before=before)
    return BulkListOut(
        jobs=[BulkOut.of(each) for each in found],
        next=found[-1].id if len(found) == limit else None,
    )


@router.get(
    "/v1/bulk/{job:uuid}",
    summary="How far a bulk job has come 批量任务进度",
    responses=problems(400, 401, 403, 404, 503),
)
def read_bulk(hub: HubOf, permitted: Reads, job: UUID) -> BulkOut:
    """Rows done and in all, how many a second, how long the rest takes, counts by outcome."""
    return BulkOut.of(hub.bulk.get(permitted, job))


@router.delete(
    "/v1/bulk/{job:uuid}",
    summary="Stop a bulk job 停止批量任务",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def stop_bulk(hub: HubOf, permitted: Reads, job: UUID) -> BulkOut:
    """Stops after the chunk under way. What was done stays done."""
    return BulkOut.of(hub.bulk.stop(permitted, job))


@router.get(
    "/v1/bulk/{job:uuid}/report",
    summary="Refused rows 拒收行报告",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Row, field, rule and reason of each refusal; never a value",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/jsonl": {"schema": {"type": "string"}},
            },
        },
        **problems(400, 401, 403, 404, 503),
    },
)
def read_report(
    hub: HubOf,
    permitted: Reads,
    job: UUID,
    form: Annotated[Literal["csv", "jsonl"], Query(alias="format")] = "csv",
) -> StreamingResponse:
    """As far as the job has come, in the order of the rows."""
    refusals = hub.bulk.report(permitted, job)
    headers = {
        "Content-Disposition": f'attachment; filename="{job}.{form}"',
        "Cache-Control": "no-store",
    }
    if form == "csv":
        return StreamingResponse(csv_lines(refusals), media_type="text/csv", headers=headers)
    lines = json_lines(refusals)
    return StreamingResponse(lines, media_type="application/jsonl", headers=headers)


@router.get(
    "/v1/bulk/{job:uuid}/files",
    summary="Files of an export 导出文件",
    responses=problems(400, 401, 403, 404, 503),
)
def list_files(hub: HubOf, permitted: Reads, job: UUID) -> ExportedFilesOut:
    """Parts, status lists, trust document; last of all the manifest over them."""
    return ExportedFilesOut.of(hub.bulk.files(permitted, job))


@router.get(
    "/v1/bulk/{job:uuid}/files/{name}",
    summary="Download a file of an export 下载导出文件",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The file; its SHA-256 is its ETag",
            "content": {
                "application/jsonl": _BINARY,
                "application/json": {"schema": {"type": "object"}},
                "application/statuslist+jwt": _BINARY,
            },
        },
        **problems(400, 401, 403, 404, 503),
    },
)
def read_file(
    hub: HubOf,
    permitted: Reads,
    job: UUID,
    name: FileName,
) -> StreamingResponse:
    """Checked against its hash while it is read; recorded in the log before the first byte."""
    part, pieces = hub.bulk.file(permitted, job, name)
    return StreamingResponse(
        pieces,
        media_type=part.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(part.size),
            "ETag": f'"{part.sha256}"',
            "Cache-Control": "no-store",
        },
    )


@router.post(
    "/v1/bulk/{job:uuid}/files/{name}/links",
    status_code=201,
    summary="A link to a file of an export 导出文件链接",
    responses=problems(400, 401, 403, 404, 503),
)
def link_file(hub: HubOf, permitted: Reads, job: UUID, name: FileName, body: LinkIn) -> LinkOut:
    """For a program that fetches large files and has no token. Recorded when it is made; where
    the object store signs links itself, the download goes there and not through the hub."""
    address, until = hub.bulk.link(permitted, job, name, timedelta(seconds=body.seconds))
    return LinkOut(url=address, expires_at=until)


@router.post(
    "/v1/imported-certificates/searches",
    summary="Imported certificates of a holder 查找导入的证照",
    responses=problems(400, 401, 403, 503),
)
def search_imported(hub: HubOf, permitted: Reads, body: ImportedSearchIn) -> ImportedListOut:
    """What the own department imported of a holder. Those whose check digit is wrong are kept
    apart and found with `flagged` only. Lookups do not show imported certificates."""
    found = hub.bulk.imported(permitted, body.holder.id_type, body.holder.id, flagged=body.flagged)
    return ImportedListOut(certificates=[ImportedOut.of(each) for each in found])
