"""Does every value that one JSON Schema accepts pass another? Shown, or taken for not so.

Conservative: True is a proof, False means only that none was found. A schema is a conjunction of
its keywords, so the new one is taken keyword by keyword, and each must follow from the old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from certstore.field_schemas import ANNOTATIONS, TYPES, validator_of

Schema = Mapping[str, Any] | bool

_ALL: Final = frozenset(TYPES)
# What a keyword speaks of: values of other types pass it.
_ABOUT: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), frozenset({"string"})),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        frozenset({"integer", "number"}),
    ),
    **dict.fromkeys(("items", "minItems", "maxItems", "uniqueItems"), frozenset({"array"})),
    **dict.fromkeys(("properties", "required", "additionalProperties"), frozenset({"object"})),
}


def is_included(old: Schema, new: Schema) -> bool:
    """Whether every value that `old` accepts is shown to be accepted by `new`.

    Both are schemas of `certstore.field_schemas`. Raises ValueError for what is no JSON Schema.
    """
    if new is True or old is False:
        return True
    if isinstance(old, bool):
        old = {}
    if isinstance(new, bool):
        return _is_empty(old)
    listed = _listed(old)
    if listed is not None:
        accepts_old, accepts_new = validator_of(old), validator_of(new)
        return all(accepts_new.is_valid(value) for value in listed if accepts_old.is_valid(value))
    return all(_follows(keyword, old, new) for keyword in new.keys() - ANNOTATIONS)


def _follows(keyword: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether values of `old` pass one keyword of `new`."""
    about = _ABOUT.get(keyword)
    if about is not None and not about & _types(old):
        return True
    rule = _RULES.get(keyword)
    if rule is not None and rule(old, new):
        return True
    # A value of the old schema passes each of its `allOf`, so one of them that suffices is enough.
    parts = old.get("allOf", ())
    if any(_part_follows(part, keyword, new) for part in parts):
        return True
    # It passes one of its `anyOf` and `oneOf`, so all of them must suffice.
    return any(
        bool(old.get(choice)) and all(_part_follows(part, keyword, new) for part in old[choice])
        for choice in ("anyOf", "oneOf")
    )


def _part_follows(part: Schema, keyword: str, new: Mapping[str, Any]) -> bool:
    # `additionalProperties` means what `properties` beside it leaves over: both go together.
    kept = {keyword: new[keyword]}
    if keyword == "additionalProperties" and "properties" in new:
        kept["properties"] = dict.fromkeys(new["properties"], True)
    return is_included(part, kept)


def _is_empty(schema: Mapping[str, Any]) -> bool:
    listed = _listed(schema)
    if listed is not None:
        accepts = validator_of(schema)
        return not any(accepts.is_valid(value) for value in listed)
    return False


def _listed(schema: Mapping[str, Any]) -> list[Any] | None:
    """Values among which all that a schema accepts are, where there are finitely many."""
    if "const" in schema:
        return [schema["const"]]
    if "enum" in schema:
        return list(schema["enum"])
    types = _types(schema)
    if types <= {"boolean", "null"}:
        return [value for value, kind in ((True, "boolean"), (False, "boolean"), (None, "null"))
                if kind in types]  # fmt: skip
    return None


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    """The types that values of a schema may have, by its `type` alone."""
    stated = schema.get("type")
    if stated is None:
        return _ALL
    types = frozenset({stated} if isinstance(stated, str) else stated)
    return types | {"integer"} if "number" in types else types


def _type_follows(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return _types(old) <= _types(new)


def _at_least(keyword: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    return lambda old, new: old.get(keyword, 0) >= new[keyword]


def _at_most(keyword: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    return lambda old, new: keyword in old and old[keyword] <= new[keyword]


def _same(keyword: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], bool]:
    # As bytes: in Python 1, 1.0 and True are equal, in a schema they are not.
    return lambda old, new: keyword in old and _canonical(old[keyword]) == _canonical(new[keyword])


def _canonical(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _minimum_follows(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    bound = new["minimum"]
    return any(old[name] >= bound for name in ("minimum", "exclusiveMinimum") if name in old)


def _maximum_follows(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    bound = new["maximum"]
    return any(old[name] <= bound for name in ("maximum", "exclusiveMaximum") if name in old)


def _exclusive_minimum_follows(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    bound = new["exclusiveMinimum"]
    if "exclusiveMinimum" in old and old["exclusiveMinimum"] >= bound:
        return True
    return "minimum" in old and bool(old["minimum"] > bound)


def _exclusive_maximum_follows(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    bound = new["exclusiveMaximum"]
    if "exclusiveMaximum" in old and old["exclusiveMaximum"] <= bound:
        return True
    return "maximum" in old and bool(old["maximum"] < bound)


def _multiple_follows(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    step, stated = new["multipleOf"], old.get("multipleOf")
    if type(step) is not int:
        return stated is not None and type(stated) is float and stated == step
    if type(stated) is int and stated % step == 0:
        return True
    return step == 1 and "number" not in _types(old)


def _unique_follows(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return new["uniqueItems"] is False or old.get("uniqueItems") is True


def _items_follow(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return old.get("maxItems") == 0 or is_included(old.get("items", True), new["items"])


def _property_of(schema: Mapping[str, Any], name: str) -> Schema:
    """What a schema says of a property of that name."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    additional: Schema = schema.get("additionalProperties", True)
    return properties.get(name, additional)


def _properties_follow(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(
        is_included(_property_of(old, name), schema) for name, schema in new["properties"].items()
    )


def _additional_follow(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    rest = new["additionalProperties"]
    left_over: Iterable[str] = old.get("properties", {}).keys() - new.get("properties", {}).keys()
    return is_included(old.get("additionalProperties", True), rest) and all(
        is_included(old["properties"][name], rest) for name in left_over
    )


def _required_follow(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return set(new["required"]) <= set(old.get("required", ()))


def _all_follow(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(is_included(old, part) for part in new["allOf"])


def _any_follows(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return any(is_included(old, part) for part in new["anyOf"])


_RULES: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], bool]]] = {
    "type": _type_follows,
    "minLength": _at_least("minLength"),
    "maxLength": _at_most("maxLength"),
    "pattern": _same("pattern"),
    "format": _same("format"),
    "minimum": _minimum_follows,
    "maximum": _maximum_follows,
    "exclusiveMinimum": _exclusive_minimum_follows,
    "exclusiveMaximum": _exclusive_maximum_follows,
    "multipleOf": _multiple_follows,
    "items": _items_follow,
    "minItems": _at_least("minItems"),
    "maxItems": _at_most("maxItems"),
    "uniqueItems": _unique_follows,
    "properties": _properties_follow,
    "required": _required_follow,
    "additionalProperties": _additional_follow,
    "allOf": _all_follow,
    "anyOf": _any_follows,
    "oneOf": _same("oneOf"),
    "not": _same("not"),
}
