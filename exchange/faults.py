"""What is wrong in one place of what was sent, said in both languages and without the value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from exchange.errors import Fault

MOST_FAULTS: Final = 50
_LONGEST_NAME: Final = 100
_REPLACED: Final = {"~": "~0", "/": "~1"}
_WHATEVER: Final = ("不符合要求", "does not fit what the interface asks for")
_UUID: Final = ("须为 UUID", "must be a UUID")
_WHOLE: Final = ("须为整数", "must be a whole number")
_YES_NO: Final = ("须为 true 或 false", "must be true or false")
_OBJECT: Final = (
    "须为 JSON 对象(Content-Type: application/json)",
    "must be a JSON object (Content-Type: application/json)",
)
_STRING: Final = ("须为字符串", "must be a string")
_TEXT: Final = ("须为有效的 Unicode 文本", "must be valid Unicode text")

# By pydantic's type of error. Its own sentences are English only, and some repeat what was sent.
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("不可缺少", "is missing"),
    "extra_forbidden": ("接口没有此项", "is not part of the interface"),
    "string_type": _STRING,
    "string_unicode": _TEXT,
    "string_too_short": ("至少须有 {min_length} 个字符", "needs {min_length} characters or more"),
    "string_too_long": ("不得超过 {max_length} 个字符", "may have {max_length} characters at most"),
    "string_pattern_mismatch": ("格式须符合 {pattern}", "must match {pattern}"),
    "uuid_parsing": _UUID,
    "uuid_type": _UUID,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "greater_than_equal": ("不得小于 {ge}", "must be {ge} or more"),
    "less_than_equal": ("不得大于 {le}", "must be {le} or less"),
    "literal_error": ("须为 {expected} 之一", "must be one of {expected}"),
    "too_short": ("至少须有 {min_length} 项", "needs {min_length} entries or more"),
    "too_long": ("不得超过 {max_length} 项", "may have {max_length} entries at most"),
    "list_type": ("须为 JSON 数组", "must be a JSON array"),
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "union_tag_not_found": ("须给出 {discriminator}", "must give {discriminator}"),
    "union_tag_invalid": (
        "{discriminator} 须为 {expected_tags} 之一",
        "{discriminator} must be one of {expected_tags}",
    ),
    "json_invalid": ("不是有效的 JSON", "is not valid JSON"),
}


def pointer(parts: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901) as fit to show; ``/`` is the whole document."""
    shown = []
    for part in parts:
        name = str(part)[:_LONGEST_NAME].encode("utf-8", "replace").decode()
        shown.append("".join(_REPLACED.get(character, character) for character in name))
    return "/" + "/".join(shown)


def of_body(error: Mapping[str, Any], *, inside: int = 0) -> Fault:
    """One of pydantic's errors as a fault of the body; ``inside`` parts of its place are left out.

    A validator of ours raises ``ValueError("中文 / English")``.
    """
    place = tuple(error["loc"])[inside:]
    if error["type"] == "json_invalid":
        place = ()
    return Fault(pointer(place), *_said(error))


def of_bodies(errors: Iterable[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """Pydantic's errors about a whole body, 50 at most."""
    return tuple(of_body(error) for error in errors)[:MOST_FAULTS]


def of_request(errors: Iterable[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """The framework's errors about a request: a body's place is a pointer, others are names."""
    faults = []
    for error in errors:
        where, *rest = error["loc"]
        if where == "body":
            faults.append(of_body(error, inside=1))
        else:
            name = str(rest[0]) if rest else str(where)
            faults.append(Fault(name, *_said(error)))
    return tuple(faults[:MOST_FAULTS])


def _said(error: Mapping[str, Any]) -> tuple[str, str]:
    details = error.get("ctx", {})
    if error["type"] == "value_error":
        zh, _, en = str(details.get("error", "")).partition(" / ")
        return (zh, en) if en else _WHATEVER
    zh, en = _WORDS.get(error["type"], _WHATEVER)
    return zh.format_map(details), en.format_map(details)


__all__ = ["MOST_FAULTS", "of_bodies", "of_body", "of_request", "pointer"]
