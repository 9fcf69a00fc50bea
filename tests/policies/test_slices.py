"""Slicing changes no verdict: random rules and requests, each compared with the whole set."""

from __future__ import annotations

from dataclasses import replace

import cedarpy
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import ActRequest, LookupRequest, PolicyEngine
from policies.engine import default_schema
from policies.rulebook import read_rulebook
from policies.slices import Slices

SCHEMA = """
entity Region;
entity Department in [Region];
entity CertificateType, System, Operator, Applicant, Visitor, Hub;
action "lookup" appliesTo {
  principal: [Department], resource: [CertificateType],
  context: { case: Bool, operator: Bool, authorization: String },
};
action "use-lookups" appliesTo {
  principal: [System], resource: [Hub], context: { own: Bool },
};
action "read-case" appliesTo { principal: [System], resource: [Hub], context: { own: Bool } };
"""
# The schema is what the validator reads; the requests' further facts are left to the engine.
DEPARTMENTS = ("D1", "D2", "D3")
TYPES = ("t1", "t2", "t3")
AUTHORIZATIONS = ("valid", "valid", "none", "expired")
FIELDS = (frozenset({"a"}), frozenset({"a"}), frozenset({"a", "b"}), frozenset[str]())
MOSTLY = st.sampled_from([True, True, True, True, False])

lookup_scopes = st.tuples(
    st.sampled_from(
        ["principal", "principal is Department", 'principal in Department::"D2"']
        + [f'principal == Department::"{name}"' for name in DEPARTMENTS[:2]]
    ),
    st.sampled_from(
        [
            'action == Action::"lookup"',
            'action in Action::"lookup"',
            'action in [Action::"lookup", Action::"read-case"]',
        ]
    ),
    st.sampled_from(
        ["resource is CertificateType", 'resource in CertificateType::"t2"']
        + [f'resource == CertificateType::"{name}"' for name in TYPES[:2]]
    ),
)
any_scopes = st.tuples(
    st.just("principal"),
    st.sampled_from(
        [
            "action",
            'action in [Action::"lookup", Action::"use-lookups"]',
            'action == Action::"read-case"',
        ]
    ),
    st.just("resource"),
)
lookup_conditions = st.sampled_from(
    [
        "",
        "when { context.case }",
        "unless { context.operator }",
        'when { context.authorization == "valid" }',
        "when { context.case && 9223372036854775807 + 1 == 0 }",
    ]
)
clauses = st.one_of(st.tuples(lookup_scopes, lookup_conditions), st.tuples(any_scopes, st.just("")))
rules = st.lists(st.tuples(st.sampled_from(["permit", "permit", "forbid"]), clauses), max_size=14)


def text_of(drawn: list[tuple[str, tuple[tuple[str, str, str], str]]]) -> str:
    return "\n".join(
        f'@id("r{place}") @zh("规") @en("rule") {effect} ({", ".join(scope)}) {condition};'
        for place, (effect, (scope, condition)) in enumerate(drawn)
    )


@st.composite
def lookups(draw: st.DrawFn) -> LookupRequest:
    return LookupRequest(
        department=draw(st.sampled_from(DEPARTMENTS)),
        system="s",
        certificate_type=draw(st.sampled_from(TYPES)),
        fields=draw(st.sampled_from(FIELDS)),
        item=draw(st.sampled_from(["i", "i", "i", None])),
        item_known=draw(MOSTLY),
        item_lists_type=draw(MOSTLY),
        item_fields=draw(st.sampled_from(FIELDS)),
        case=draw(MOSTLY),
        basis=draw(st.sampled_from(["holder", "entrusted", "statutory", "statutory", "x", None])),
        authorization=draw(st.sampled_from(AUTHORIZATIONS)),
        operator=draw(MOSTLY),
    )


@st.composite
def acts(draw: st.DrawFn) -> ActRequest:
    return ActRequest(
        actor_kind="system",
        department=draw(st.sampled_from(DEPARTMENTS)),
        scopes=frozenset(),
        act=draw(st.sampled_from(["use-lookups", "read-case", "unheard-of"])),
        own=draw(st.booleans()),
    )


@settings(max_examples=150, deadline=None)
@given(drawn=rules, requests=st.lists(st.one_of(lookups(), acts()), min_size=1, max_size=6))
def test_a_sliced_decision_equals_that_of_the_whole_set(
    drawn: list[tuple[str, tuple[tuple[str, str, str], str]]],
    requests: list[LookupRequest | ActRequest],
) -> None:
    text = text_of(drawn)
    engine = PolicyEngine.from_text(text, SCHEMA)
    effects = {f"r{place}": effect for place, (effect, _) in enumerate(drawn)}
    for request in requests:
        if isinstance(request, LookupRequest):
            decision = engine.decide(request)
        else:
            decision = engine.decide_act(request)
        whole = cedarpy.is_authorized(request.cedar(), text, "[]")
        determining = set(whole.diagnostics.id_annotations_by_reason.values())
        if whole.diagnostics.errors:
            assert not decision.allowed
            assert len(decision.errors) == len(whole.diagnostics.errors)
            forbidding = {rule for rule in determining if effects[rule] == "forbid"}
            assert set(decision.rules) == forbidding | {"rule-error"}
        else:
            assert decision.allowed is whole.allowed
            assert set(decision.rules) == (determining or {"no-rule"})


@settings(max_examples=300, deadline=None)
@given(
    lookup=lookups(),
    department=st.sampled_from(
        ["11440000MB2F03456K", "11440000MB2G07890B", "11440300MB2E09012L", "11440000MB2H02468Q"]
    ),
    kind=st.sampled_from(["business-licence", "parking-facility-licence", "unheard-of"]),
)
def test_allowed_means_a_permit_and_no_forbid_and_every_condition_met(
    engine: PolicyEngine, lookup: LookupRequest, department: str, kind: str
) -> None:
    request = LookupRequest(
        **{
            **{name: getattr(lookup, name) for name in LookupRequest.__slots__},
            "department": department,
            "certificate_type": kind,
        }
    )
    decision = engine.decide(request)
    permits = {rule.id: rule.permits for rule in engine.rules}
    assert decision.errors == ()
    assert decision.rules == tuple(reason.rule for reason in decision.reasons)
    assert decision.rules
    if decision.allowed:
        assert all(permits[rule] for rule in decision.rules)
        assert request.item is not None
        assert request.item_known
        assert request.item_lists_type
        assert request.fields <= request.item_fields
        assert request.case
        assert request.operator
        assert request.basis == "statutory" or request.authorization == "valid"
        assert set(decision.masks) == request.fields
    else:
        assert decision.rules == ("no-rule",) or not any(permits[rule] for rule in decision.rules)
        assert decision.masks == {}


def test_a_slice_holds_what_applies_to_all_and_the_departments_own_rule(
    engine: PolicyEngine, lookup: LookupRequest
) -> None:
    agreements = "\n".join(
        f'@id("d{department}-t{kind}") @zh("协议") @en("agreement") permit ('
        f'principal == Department::"D{department}", action == Action::"lookup", '
        f'resource == CertificateType::"t{kind}");'
        for department in range(40)
        for kind in range(25)
    )
    rulebook = read_rulebook([("rules", engine.text + agreements)], default_schema())
    slices = Slices(rulebook)
    stranger = slices.find(replace(lookup, department="nobody").cedar())
    one_of_many = slices.find(replace(lookup, department="D7", certificate_type="t3").cedar())
    assert len(one_of_many.policies) == len(stranger.policies) + 1 == len(one_of_many.names)
    assert set(one_of_many.names.values()) - set(stranger.names.values()) == {"d7-t3"}
