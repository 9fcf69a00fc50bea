"""Reads one uploaded file off the wire, never more than the limit, all of it or nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from exchange.errors import BadRequest, Fault, TooLarge, Unsupported

# What multipart adds to the file: two boundaries and the part's headers.
_ENVELOPE = 8192


@dataclass(frozen=True, slots=True)
class Upload:
    """A whole file: its content and the name the sender gave it."""

    content: bytes
    file_name: str


async def receive_file(request: Request, limit: int) -> Upload:
    """The one file of a multipart body of at most ``limit`` bytes.

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
        raise _too_large(limit)
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
        content = await files[0].read()
    finally:
        await form.close()
    if len(content) > limit:
        raise _too_large(limit)
    return Upload(content, files[0].filename or "")


async def _at_most(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit + _ENVELOPE:
            raise _too_large(limit)
        yield chunk


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"文件不得超过 {limit} 字节。",
        f"A file may have {limit} bytes at most.",
        headers={"Connection": "close"},
    )


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


__all__ = ["Upload", "receive_file"]
