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
MOST_DEEP: Final = 6
MOST_NODES: Final = 100
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
    for number, (node, depth) in enumerate(_nodes(schema, 1)):
        if depth > MOST_DEEP or number >= MOST_NODES:
            return (
                f"嵌套超过{MOST_DEEP}层或子模式超过{MOST_NODES}个",
                f"nested more than {MOST_DEEP} deep, or of more than {MOST_NODES} schemas",
            )
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


def _nodes(schema: Any, depth: int) -> Iterable[tuple[Any, int]]:
    """Every schema within a schema with its depth, itself first."""
    yield schema, depth
    if not isinstance(schema, dict) or depth > MOST_DEEP:
        return
    inner = [schema[keyword] for keyword in ("items", "additionalProperties", "not")
             if keyword in schema]  # fmt: skip
    for keyword in ("allOf", "anyOf", "oneOf"):
        listed = schema.get(keyword, [])
        inner += listed if isinstance(listed, list) else [listed]
    properties = schema.get("properties", {})
    inner += properties.values() if isinstance(properties, dict) else [properties]
    for one in inner:
        yield from _nodes(one, depth + 1)
