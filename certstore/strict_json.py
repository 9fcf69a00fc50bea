"""JSON as a signed document needs it: a member named twice or a bottomless nesting is refused."""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from certstore.errors import JwsError

NESTED: Final = frozenset({dict, list})
"""The types of a parsed value that have something inside."""

MAX_DEPTH: Final = 32
"""Objects and arrays inside one another."""


def parse_json(data: bytes, *, field: str) -> Any:
    """The JSON value in `data` as Python's own types.

    Raises JwsError: `not-json`, `duplicate-claims` when an object names a member twice,
    `too-deep` beyond MAX_DEPTH.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise JwsError("not-json", "不是有效的JSON", "not valid JSON", field=field) from None
    # 1. What serialises back to the same bytes lost no member, so it had none twice.
    # 2. Anything else (other white space, other escapes) is read again by a slower parser.
    if type(value) in NESTED:
        # As many opening brackets as levels are allowed cannot nest deeper than that.
        if data.count(b"{") + data.count(b"[") > MAX_DEPTH:
            _check_depth(value, field, MAX_DEPTH)
        if orjson.dumps(value) != data:
            json.loads(data, object_pairs_hook=lambda pairs: _no_member_twice(pairs, field))
    return value


def _no_member_twice(pairs: list[tuple[str, Any]], field: str) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JwsError(
            "duplicate-claims",
            "同一对象中有重复的成员名",
            "an object names the same member twice",
            field=field,
        )
    return members


def _check_depth(value: Any, field: str, left: int) -> None:
    if left <= 0:
        raise JwsError("too-deep", "嵌套过深", "nested too deeply", field=field)
    parts = value.values() if type(value) is dict else value
    if not NESTED.isdisjoint(map(type, parts)):
        for part in parts:
            if type(part) in NESTED:
                _check_depth(part, field, left - 1)
