"""How the quality gate and its worker talk: length-prefixed JSON over two pipes.

Each message is a 4-byte big-endian length and that many bytes of UTF-8 JSON. Nothing is pickled:
neither side can make the other run code.

Request: ``{"expectations": [{"expect", "kwargs"}…], "columns": {name: [text or null…]}}``.
Answer: ``{"findings": [[expectation, row or null, masked value or null]…]}`` with positions from 0,
or ``{"failure": kind, "expectation": position or null}``.
"""

from __future__ import annotations

import struct
from typing import IO, Any

import orjson

_LENGTH = struct.Struct(">I")


class Closed(Exception):
    """The other side has gone."""


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message; raises ``Closed`` when nobody reads."""
    body = orjson.dumps(message)
    try:
        stream.write(_LENGTH.pack(len(body)))
        stream.write(body)
        stream.flush()
    except (OSError, ValueError):
        raise Closed from None


def receive(stream: IO[bytes]) -> Any:
    """Read one message; raises ``Closed`` when the other side ends before it is whole."""
    try:
        head = stream.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise Closed
        (length,) = _LENGTH.unpack(head)
        body = stream.read(length)
    except (OSError, ValueError):
        raise Closed from None
    if len(body) < length:
        raise Closed
    return orjson.loads(body)
