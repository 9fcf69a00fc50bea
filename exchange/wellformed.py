"""What no route accepts, whatever it asks for, is turned away before any route sees it.

Parsers differ over JSON with repeated names, lone surrogates or NUL characters, and PostgreSQL
stores neither of the latter two. I-JSON (RFC 7493 §2) leaves them out, and so does the hub.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from math import isfinite
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exchange import problems
from exchange.errors import BadRequest, Fault, HubError, TooLarge, Unsupported
from exchange.faults import MOST_FAULTS, pointer

DEEPEST: Final = 64
ADD_CHECKPOINT: Final = "/witness/add-checkpoint"
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_MULTIPART: Final = "multipart/form-data"
BULK_FILES: Final = "/v1/bulk/files"
_FORM: Final = "application/x-www-form-urlencoded"
# What multipart adds to a file; the upload's own door is stricter and says more.
_ENVELOPE: Final = 65_536
_NUL: Final = ("不得含 NUL 字符(U+0000)", "must not hold the character NUL (U+0000)")
_TWICE: Final = ("重复出现", "is given more than once")


class _Repeated(dict[str, Any]):
    """A JSON object that gives its member ``name`` more than once."""

    __slots__ = ("name",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__()
        self.name = ""
        for name, value in pairs:
            if name in self:
                self.name = name
            self[name] = value


class _RepeatedName(ValueError):
    """Some object gives a member more than once."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _Repeated(pairs)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise _RepeatedName


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
_NAMES: Final = json.JSONDecoder(object_pairs_hook=_once)


def check_names(body: bytes) -> None:
    """Check that JSON already parsed gives each member once; a few microseconds.

    Raises:
        BadRequest: names each place.
    """
    try:
        _NAMES.decode(body.decode("utf-8"))
    except _RepeatedName:
        check_json(body)


def check_json(body: bytes) -> None:
    """Check that a body is I-JSON of at most 64 levels, without NUL characters.

    Raises:
        BadRequest: names each place.
    """
    try:
        document = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise _unusable(Fault("/", "不是有效的 UTF-8", "is not valid UTF-8")) from None
    except json.JSONDecodeError as fault:
        raise _unusable(
            Fault(
                "/",
                f"不是有效的 JSON(第 {fault.pos + 1} 个字符处)",
                f"is not valid JSON (at character {fault.pos + 1})",
            )
        ) from None
    except RecursionError:
        raise _unusable(_too_deep(())) from None
    except ValueError:
        raise _unusable(
            Fault("/", "含有 JSON 没有的数", "holds a number that JSON does not have")
        ) from None
    if faults := tuple(islice(_faults(document), MOST_FAULTS)):
        raise _unusable(*faults)


class WellFormed:
    """Lets through to the application inside it only what is well-formed and not too large."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        most_bytes: int,
        most_upload_bytes: int,
        most_bulk_bytes: int = 0,
    ) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._most_upload_bytes = most_upload_bytes + _ENVELOPE
        self._most_bulk_bytes = most_bulk_bytes + _ENVELOPE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_address(scope)
            admitted = await self._admit(scope, receive)
        except HubError as error:
            await problems.of_hub_error(error)(scope, receive, send)
            return
        if admitted is not None:
            await self._app(scope, admitted, send)

    async def _admit(self, scope: Scope, receive: Receive) -> Receive | None:
        """What the application reads the body from; None where the client is gone."""
        if scope["method"] in _BODILESS:
            return receive
        if scope["path"] == ADD_CHECKPOINT:  # text of a form of its own, which its route limits
            return receive
        headers = Headers(scope=scope)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in (_MULTIPART, _FORM):
            most = self._most_upload_bytes if kind == _MULTIPART else self._most_bytes
            if kind == _MULTIPART and scope["path"] == BULK_FILES:
                most = self._most_bulk_bytes
            return _at_most(receive, most)
        announced = headers.get("content-length", "0")
        if not (announced.isascii() and announced.isdigit()) or int(announced) > self._most_bytes:
            raise self._too_large()
        body = await self._whole(receive)
        if body is None:
            return None
        if body:
            if not (kind == "application/json" or kind.endswith("+json")):
                raise Unsupported(
                    "请以 application/json 提交。", "Send the body as application/json."
                )
            check_json(body)
        return _again(body, receive)

    async def _whole(self, receive: Receive) -> bytes | None:
        chunks, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._most_bytes:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"请求体不得超过 {self._most_bytes} 字节。",
            f"The body may have {self._most_bytes} bytes at most.",
            headers={"Connection": "close"},
        )


def _check_address(scope: Scope) -> None:
    faults = []
    if "\0" in scope["path"]:
        faults.append(Fault("path", *_NUL))
    seen = set[str]()
    for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        shown = pointer([name])[1:]
        if "\0" in name + value:
            faults.append(Fault("query" if "\0" in name else shown, *_NUL))
        elif name in seen:
            faults.append(Fault(shown, *_TWICE))
        seen.add(name)
    if faults:
        raise BadRequest(
            "地址有误,请按 faults 逐项修正。",
            "The address is not usable; mend each place named in faults.",
            faults=tuple(faults[:MOST_FAULTS]),
        )  # fmt: skip


def _at_most(receive: Receive, most: int) -> Receive:
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            # The framework hands its own exception on; any other it would call unreadable.
            raise HTTPException(413, headers={"Connection": "close"})
        return message

    return counted


def _again(body: bytes, receive: Receive) -> Receive:
    unread = True

    async def replayed() -> Message:
        nonlocal unread
        if unread:
            unread = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replayed


def _faults(document: Any) -> Iterator[Fault]:
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), document)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, str):
            if wrong := _text(value):
                yield Fault(pointer(place), *wrong)
        elif isinstance(value, float):
            if not isfinite(value):
                yield Fault(pointer(place), "数值过大", "is too large a number")
        elif isinstance(value, dict | list):
            if len(place) >= DEEPEST:
                yield _too_deep(place[:4])
                return
            if isinstance(value, _Repeated):
                yield Fault(pointer((*place, value.name)), *_TWICE)
            members = value.items() if isinstance(value, dict) else enumerate(value)
            for name, member in members:
                if isinstance(name, str) and (wrong := _text(name)):
                    yield Fault(pointer(place), *wrong)
                waiting.append(((*place, name), member))


def _text(value: str) -> tuple[str, str] | None:
    if "\0" in value:
        return _NUL
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "不得含单独的代理码位", "must not hold a surrogate without its pair"
    return None


def _too_deep(place: tuple[str | int, ...]) -> Fault:
    return Fault(
        pointer(place), f"嵌套超过 {DEEPEST} 层", f"is nested more than {DEEPEST} levels deep"
    )


def _unusable(*faults: Fault) -> BadRequest:
    return BadRequest(
        "请求内容无法读取,请按 faults 逐项修正。",
        "The body cannot be read; mend each place named in faults.",
        faults=faults,
    )


__all__ = ["DEEPEST", "WellFormed", "check_json", "check_names"]
