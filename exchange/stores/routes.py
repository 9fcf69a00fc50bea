"""``/v1/objects/{sha256}``: what a link leads to where the store itself signs none."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from exchange.http import HubOf, problems

router = APIRouter(prefix="/v1/objects", tags=["objects"])

_HASH = r"^[0-9a-f]{64}$"
_EXAMPLE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@router.get(
    "/{sha256}",
    summary="A file by its link 凭链接取文件",
    response_class=StreamingResponse,
    responses={
        **problems(400, 404, 503),
        200: {
            "description": "The file, whose SHA-256 is its name",
            # Of whatever media type the link names, so nothing can be said of its form.
            "content": {"*/*": {}},
        },
    },
)
def read_object(
    hub: HubOf,
    sha256: Annotated[str, Path(pattern=_HASH, examples=[_EXAMPLE])],
    expires: Annotated[
        int, Query(ge=0, le=1 << 40, description="Unix time in seconds", examples=[1780300000])
    ],
    signature: Annotated[str, Query(pattern=_HASH, examples=[_EXAMPLE])],
    type: Annotated[
        str | None, Query(max_length=200, description="media type", examples=["application/pdf"])
    ] = None,
) -> StreamingResponse:
    """Needs no token: the link is the permission, until it expires. It names the file by its
    hash and holds nothing about a person; one that was changed or has expired is not found."""
    opened = hub.linked.open(sha256, expires=expires, media_type=type, signature=signature)
    return StreamingResponse(
        opened.content,
        media_type=opened.media_type,
        headers={
            "Content-Length": str(opened.size),
            "Content-Disposition": "attachment",
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
