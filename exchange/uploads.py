"""Takes one uploaded file off the wire, to disk as it comes, never more than the limit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from exchange.errors import BadRequest, Fault, Unsupported, file_too_large

_ENVELOPE: Final = 8192
"""What multipart adds to the file: two boundaries and the part's headers."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A whole file: its content and the name the sender gave it."""

    content: bytes
    file_name: str


async def receive_file(request: Request, limit: int) -> Upload:
    """All of a file that is small enough to hold. Raises as :func:`received`."""
    async with received(request, limit) as file:
        content = await file.read()
        if len(content) > limit:
            raise file_too_large(limit)
        return Upload(content, file.filename or "")


@asynccontextmanager
async def received(request: Request, limit: int) -> AsyncIterator[UploadFile]:
    """The one file of a multipart body of at most ``limit`` bytes, gone after the block.

    What the body may have beyond the file is a little more than nothing: whoever reads the file
    looks at its size once more.

    Raises:
        Unsupported: the body is no ``multipart/form-data``.
        TooLarge: the file is larger; said as soon as it is known.
        BadRequest: cut short, malformed, or not exactly one file.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise Unsupported(
            "请以 multipart/form-data 上传一个文件。", "Send one file as multipart/form-data."
        )
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit():
        raise _malformed()
    if int(announced) > limit + _ENVELOPE:
        raise file_too_large(limit)
    parser = MultiPartParser(request.headers, _at_most(request, limit), max_files=1, max_fields=0)
    try:
        form = await parser.parse()
    except (MultiPartException, ClientDisconnect, UnicodeDecodeError):
        raise _malformed() from None
    try:
        files = [each for _, each in form.multi_items() if isinstance(each, UploadFile)]
        # A body that ends before the closing boundary has no finished part.
        if len(files) != 1:
            raise _malformed()
        yield files[0]
    finally:
        await form.close()


async def _at_most(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit + _ENVELOPE:
            raise file_too_large(limit)
        yield chunk


def _malformed() -> BadRequest:
    return BadRequest(
        "上传内容不完整或有误,未保存任何内容。",
        "The upload is cut short or malformed; nothing was kept.",
        faults=(
            Fault(
                "/file",
                "须为 multipart/form-data 中的一个完整文件",
                "must be one whole file in multipart/form-data",
            ),
        ),
    )
