"""The JSON Schemas that fields may have: the part of 2020-12 that can be compared and is safe.

References, conditionals and the like are left out: a reference would have the hub read a file or
an address of somebody else's choosing, and no later version could be shown compatible with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import jsonschema_rs

from certstore.certificate_type import LINEAR

TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
FORMATS: Final = frozenset({"date", "date-time", "time", "duration", "email", "uri", "uuid"})
ANNOTATIONS: Final = frozenset({"title", "description", "$comment", "examples", "default"})
VALUES: Final = frozenset({"type", "enum", "const"})
TEXTS: Final = frozenset({"minLength", "maxLength", "pattern", "format"})
NUMBERS: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
)
LISTS: Final = frozenset({"items", "minItems", "maxItems", "uniqueItems"})
OBJECTS: Final = frozenset({"properties", "required", "additionalProperties"})
CHOICES: Final = frozenset({"allOf", "anyOf", "oneOf", "not"})
KEYWORDS: Final = VALUES | TEXTS | NUMBERS | LISTS | OBJECTS | CHOICES | ANNOTATIONS


def validator_of(schema: Mapping[str, Any] | bool) -> Any:
    """A compiled validator: formats are checked, patterns run in linear time.

    Raises ValueError for what is no JSON Schema.
    """
    try:
        return jsonschema_rs.Draft202012Validator(
            dict(schema) if isinstance(schema, Mapping) else schema,
            validate_formats=True,
            pattern_options=LINEAR,
        )
    except (TypeError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise ValueError("not a JSON Schema") from error


def find_schema_fault(schema: Any) -> tuple[str, str] | None:
    """What is wrong with a field's schema, in 中文 and English, or None."""
    for node in _nodes(schema):
        if isinstance(node, bool):
            continue
        if not isinstance(node, dict):
            return "JSON Schema有误", "not a JSON Schema"
        unknown = sorted(node.keys() - KEYWORDS)
        if unknown:
            named = ", ".join(unknown)[:100]
            return f"不支持的关键字 {named}", f"keywords that fields may not use: {named}"
        if node.get("format", "date") not in FORMATS:
            listed = ", ".join(sorted(FORMATS))
            return f"format只能是 {listed}", f"`format` is one of {listed}"
    try:
        validator_of(schema)
    except ValueError:
        return "JSON Schema有误", "not a JSON Schema"
    return None


def _nodes(schema: Any) -> Iterable[Any]:
    """Every schema within a schema, itself first. Lists of schemas that are none are yielded."""
    yield schema
    if not isinstance(schema, dict):
        return
    for keyword in ("items", "additionalProperties", "not"):
        if keyword in schema:
            yield from _nodes(schema[keyword])
    for keyword in ("allOf", "anyOf", "oneOf"):
        listed = schema.get(keyword, [])
        for one in listed if isinstance(listed, list) else [listed]:
            yield from _nodes(one)
    properties = schema.get("properties", {})
    for one in properties.values() if isinstance(properties, dict) else [properties]:
        yield from _nodes(one)
