"""What one version changes against another: breaking changes are found, compatible ones are so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certstore.certificate_type import CertificateType, Retention, Template, Title
from certstore.compatibility import compare, is_breaking
from certstore.errors import FieldErrors
from certstore.field_schemas import find_schema_fault, validator_of
from certstore.holders import STANDARD, Holder, HolderIdType
from certstore.schema_inclusion import is_included
from certstore.validity import Period, ValidityRule

LEAVES: list[Any] = [
    None, True, False, 0, 1, 2, 3, 4, 6, 10, -1, 1.0, 1.5, 0.5, "", "a", "ab", "abc", "b", "1",
    "2020-01-31", "2020-02-30",
]  # fmt: skip
POOL: list[Any] = [
    *LEAVES, [], {}, *([one] for one in LEAVES),
    *([one, two] for one in (1, "a", 2) for two in LEAVES),
    *({"p": one} for one in LEAVES), *({"q": one} for one in LEAVES), {"r": 1},
    *({"p": one, "q": two} for one in LEAVES for two in ("a", 1, None)),
    {"p": 1, "r": 2}, [[1]], [[]], {"p": {"q": 1}}, {"p": {}}, {"p": [1, 1]}, [1, 1], [1, 2, 3],
]  # fmt: skip
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
small = st.integers(0, 4)
leaf = st.sampled_from(LEAVES)


def with_inner(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas whose keywords hold schemas of ``inner``."""
    part = inner | st.booleans()
    some = st.lists(part, min_size=1, max_size=2)
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, max_size=3,
                                                  unique=True),
        "enum": st.lists(leaf, min_size=1, max_size=3, unique_by=repr),
        "const": leaf,
        "minLength": small, "maxLength": small, "pattern": st.sampled_from(["^a", "b", "^[0-9]"]),
        "format": st.just("date"),
        "minimum": small, "maximum": small, "exclusiveMinimum": small, "exclusiveMaximum": small,
        "multipleOf": st.sampled_from([1, 2, 3, 0.5, 1.5]),
        "items": part, "minItems": small, "maxItems": small, "uniqueItems": st.booleans(),
        "properties": st.dictionaries(st.sampled_from("pq"), part, max_size=2),
        "required": st.lists(st.sampled_from("pqr"), max_size=2, unique=True),
        "additionalProperties": part,
        "allOf": some, "anyOf": some, "oneOf": some, "not": part,
        "title": st.just("x"),
    }  # fmt: skip
    names = st.lists(st.sampled_from(sorted(keywords)), min_size=0, max_size=4, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({n: keywords[n] for n in chosen}))


schemas = with_inner(with_inner(st.just({}) | st.just({"type": "string"})))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """An old and a new schema that are often near one another, as versions are."""
    old, new = draw(schemas), draw(schemas)
    kept = draw(st.sets(st.sampled_from(sorted(old)))) if old else set()
    changed = {**{name: old[name] for name in kept}, **new}
    return draw(
        st.sampled_from([(old, new), (old, changed), (changed, old), (old, {**old, **new})])
    )


@given(pairs())
@settings(max_examples=600, deadline=None, derandomize=True)
def test_whatever_is_shown_to_be_included_is_accepted(pair: tuple[Any, Any]) -> None:
    old, new = pair
    if is_included(old, new):
        before, after = validator_of(old), validator_of(new)
        for value in POOL:
            assert after.is_valid(value) or not before.is_valid(value), (old, new, value)


@given(schemas)
@settings(max_examples=100, deadline=None)
def test_every_generated_schema_may_be_a_fields_and_includes_itself(schema: Any) -> None:
    assert find_schema_fault(schema) is None
    assert is_included(schema, schema)


TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 20}
INCLUDED: list[tuple[Any, Any]] = [
    (TEXT, {**TEXT, "maxLength": 30}),
    (TEXT, {"type": ["string", "null"]}),
    (TEXT, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    (TEXT, {**TEXT, "minimum": 5}),
    (TEXT, {**TEXT, "description": "another"}),
    ({"enum": ["A", "B"]}, {"enum": ["A", "B", "C"]}),
    ({"enum": ["A", "B"]}, TEXT),
    ({"enum": ["A", 1], "type": "string"}, {"const": "A"}),
    ({"type": "boolean"}, {"enum": [True, False, None]}),
    ({"type": "integer"}, {"type": "number", "multipleOf": 1}),
    ({"type": "integer", "multipleOf": 6}, {"multipleOf": 3}),
    ({"type": "integer", "minimum": 5}, {"exclusiveMinimum": 4}),
    ({"anyOf": [{"const": 1}, {"const": 2}]}, {"enum": [1, 2, 3]}),
    ({"allOf": [TEXT, {"pattern": "^a"}]}, TEXT),
    ({"type": "array", "items": TEXT, "maxItems": 3}, {"items": {"type": "string"}}),
    (
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False},
        {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "additionalProperties": False},
    ),
    (
        {"type": "object", "properties": {"a": TEXT}, "required": ["a"]},
        {"type": "object", "properties": {"a": {"type": "string"}}},
    ),
]  # fmt: skip
EXCLUDED: list[tuple[Any, Any]] = [
    (TEXT, {**TEXT, "maxLength": 10}),
    (TEXT, {**TEXT, "pattern": "^[a-z]+$"}),
    (TEXT, {**TEXT, "format": "date"}),
    ({"enum": ["A", "B"]}, {"enum": ["A"]}),
    ({"type": "number"}, {"type": "integer"}),
    ({"not": {"const": 1}}, {"not": {"const": True}}),
    ({"type": "integer", "minimum": 5}, {"exclusiveMinimum": 5}),
    ({"type": "object"}, {"type": "object", "additionalProperties": False}),
    (
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False},
        {"type": "object", "properties": {"b": TEXT}, "additionalProperties": False},
    ),
    ({"type": "object", "properties": {"a": TEXT}}, {"type": "object", "required": ["a"]}),
    ({"type": "array"}, {"type": "array", "uniqueItems": True}),
    ({}, {"type": "string"}),
]


@pytest.mark.parametrize(("old", "new"), INCLUDED, ids=range(len(INCLUDED)))
def test_a_widened_schema_is_shown_to_be_compatible(old: Any, new: Any) -> None:
    assert is_included(old, new)


@pytest.mark.parametrize(("old", "new"), EXCLUDED, ids=range(len(EXCLUDED)))
def test_a_narrowed_schema_is_not_compatible(old: Any, new: Any) -> None:
    assert not is_included(old, new)


def field(kind: CertificateType, name: str, **changes: Any) -> CertificateType:
    """The type with one field changed; ``drop=True`` leaves it out."""
    if changes.pop("drop", False):
        return replace(kind, fields=tuple(one for one in kind.fields if one.name != name))
    fields = tuple(replace(one, **changes) if one.name == name else one for one in kind.fields)
    return replace(kind, fields=fields)


def added(kind: CertificateType, *, required: bool) -> CertificateType:
    one = replace(kind.fields[0], name="further", required=required, metadata=None)
    return replace(kind, fields=(*kind.fields, one))


OTHER = "11440100MB2C056783"
PASSPORT = STANDARD["414"]
Edit = Callable[[CertificateType], CertificateType]
CHANGES: dict[str, tuple[Edit, str, str]] = {
    "code": (lambda k: replace(k, code="11440000MB2D01234C002"), "breaking", "code-changed"),
    "definer": (lambda k: replace(k, defined_by=OTHER), "breaking", "definer-changed"),
    "title": (lambda k: replace(k, title=Title("新", "new")), "compatible", "title-changed"),
    "issuer gone": (lambda k: replace(k, issuers=frozenset({OTHER})), "breaking", "issuer-removed"),
    "any issuer": (lambda k: replace(k, issuers=None), "compatible", "issuer-added"),
    "field gone": (lambda k: field(k, "region", drop=True), "breaking", "field-removed"),
    "field required": (lambda k: field(k, "address", required=True), "breaking", "field-required"),
    "field optional": (
        lambda k: field(k, "region", required=False), "compatible", "field-optional"
    ),
    "new required": (lambda k: added(k, required=True), "breaking", "field-required"),
    "new optional": (lambda k: added(k, required=False), "compatible", "field-added"),
    "order": (lambda k: replace(k, fields=k.fields[::-1]), "compatible", "fields-reordered"),
    "narrowed": (
        lambda k: field(k, "region", schema={"const": "广州"}), "breaking", "schema-narrowed"
    ),
    "widened": (
        lambda k: field(k, "region", schema={"type": "string"}), "compatible", "schema-widened"
    ),
    "less sensitive": (
        lambda k: field(k, "address", sensitivity="public"), "breaking", "sensitivity-lowered"
    ),
    "more sensitive": (
        lambda k: field(k, "region", sensitivity="personal"), "compatible", "sensitivity-raised"
    ),
    "stricter mask": (
        lambda k: field(k, "address", mask="address"), "compatible", "mask-strengthened"
    ),
    "metadata": (lambda k: field(k, "region", metadata="KZ_X"), "breaking", "metadata-changed"),
    "field's title": (
        lambda k: field(k, "region", title=Title("新", "new")), "compatible", "title-changed"
    ),
    "other holder id": (
        lambda k: replace(k, holder_ids={"414": PASSPORT}), "breaking", "holder-id-removed"
    ),
    "more holder ids": (
        lambda k: replace(k, holder_ids={**k.holder_ids, "414": PASSPORT}),
        "compatible", "holder-id-added",
    ),
    "term": (
        lambda k: replace(k, validity=ValidityRule("term")), "breaking", "validity-changed"
    ),
    "either": (
        lambda k: replace(k, validity=ValidityRule("either")), "compatible", "validity-widened"
    ),
    "renewal": (
        lambda k: replace(k, validity=ValidityRule("open", renew_until_days_after=1)),
        "breaking", "renewal-narrowed",
    ),
    "kept shorter": (
        lambda k: replace(k, retention=Retention(1)), "breaking", "retention-shortened"
    ),
    "kept longer": (
        lambda k: replace(k, retention=Retention(99)), "compatible", "retention-lengthened"
    ),
    "template": (
        lambda k: replace(k, template=Template("landscape")), "compatible", "template-changed"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named_with_its_kind_and_a_sentence_in_both_languages(
    licence: CertificateType, name: str
) -> None:
    edit, kind, code = CHANGES[name]
    changes = compare(licence, edit(licence))
    assert (kind, code) in {(each.kind, each.code) for each in changes}
    assert is_breaking(changes) == (kind == "breaking")
    for each in changes:
        assert each.field and each.zh and each.en
        assert set(each.as_dict()) == {"kind", "code", "field", "zh", "en"}


def test_the_same_type_in_a_new_version_changes_nothing(licence: CertificateType) -> None:
    assert compare(licence, replace(licence, version=2)) == []


def test_versions_of_two_types_are_not_compared(licence: CertificateType) -> None:
    with pytest.raises(ValueError, match="two different types"):
        compare(licence, replace(licence, key="other"))


@pytest.mark.parametrize(
    ("old", "new"), [("hidden", "first1last1"), ("phone", "address"), ("name", "first1last1")]
)
def test_a_mask_that_shows_what_was_not_shown_is_breaking(
    licence: CertificateType, old: str, new: str
) -> None:
    before = field(licence, "address", mask=old)
    [change] = compare(before, field(licence, "address", mask=new))
    assert (change.kind, change.code) == ("breaking", "mask-weakened")


def test_a_local_id_with_another_pattern_is_breaking(licence: CertificateType) -> None:
    local = HolderIdType("x-local", "甲", "a", "[0-9]{3}")
    before = replace(licence, holder_ids={"x-local": local})
    after = replace(licence, holder_ids={"x-local": replace(local, pattern="[0-9]{2}")})
    assert [each.code for each in compare(before, after)] == ["holder-id-changed"]


PERIODS = (None, Period(years=1), Period(months=11), Period(months=12, days=3), Period(days=400))
RULES = [
    ValidityRule("open"),
    *(ValidityRule(kind, longest=each, ends=ends)
      for kind, each, ends in product(("term", "either"), PERIODS,
                                      ("day-before", "corresponding-day"))),
    *(ValidityRule("fixed", length=each, ends=ends)
      for each, ends in product(PERIODS[1:], ("day-before", "corresponding-day"))),
    ValidityRule("until", until=date(2025, 2, 28)),
]  # fmt: skip
STARTS = (date(2024, 2, 29), date(2024, 1, 31), date(2023, 12, 1))


def test_dates_that_passed_the_old_rule_pass_one_that_is_called_compatible(
    licence: CertificateType,
) -> None:
    shown = 0
    for old, new in product(RULES, RULES):
        changes = compare(replace(licence, validity=old), replace(licence, validity=new))
        if is_breaking(changes):
            continue
        shown += old != new
        for start in STARTS:
            ends = {old.end_of(start), old.latest_end_of(start), None, start}
            ends |= {start + timedelta(days=days) for days in (334, 365, 368, 400, 999)}
            for end in ends:
                if not list(old.faults(start, end)):
                    assert not list(new.faults(start, end)), (old, new, start, end)
    assert shown > 30


def test_a_certificate_that_passed_the_old_version_passes_a_compatible_one(
    licence: CertificateType,
) -> None:
    content = {"name": "甲", "credit_code": "91440101191193940U", "region": "广州",
               "registered_on": "1997-01-15"}  # fmt: skip

    def passes(kind: CertificateType) -> bool:
        try:
            kind.check(
                issuer=licence.defined_by,
                holder=Holder("001", "91440101191193940U", "甲"),
                fields=content,
                valid_from=date(2026, 1, 1),
                valid_until=None,
            )
        except FieldErrors:
            return False
        return True

    assert passes(licence)
    outcomes = {
        (name, is_breaking(compare(licence, edit(licence))), passes(edit(licence)))
        for name, (edit, _, _) in CHANGES.items()
    }
    assert not [name for name, breaking, passed in outcomes if not breaking and not passed]
    assert len([name for name, breaking, passed in outcomes if breaking and not passed]) >= 5
