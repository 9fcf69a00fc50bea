from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cedarpy
import pytest

from policies import ActRequest, LookupRequest, PolicyEngine
from policies.engine import RULES_DIRECTORY
from tests.policies.conftest import CULTURE_BUREAU, HEALTH_COMMISSION, SERVICE_CENTRE

PERMIT_ALL = """
@id("all") @zh("都可以") @en("everything goes")
permit (principal, action == Action::"lookup", resource);
"""


def test_a_lookup_under_an_agreement_is_allowed_and_says_by_which(
    engine: PolicyEngine, lookup: LookupRequest
) -> None:
    decision = engine.decide(lookup)
    assert decision.allowed
    assert decision.rules == ("agreement-service-centre-business-licence",)
    assert decision.reasons[0].zh.startswith("共享协议")
    assert decision.reasons[0].en.startswith("agreement")
    assert decision.policy_set == engine.digest


def test_a_department_without_a_rule_looks_up_nothing(
    engine: PolicyEngine, lookup: LookupRequest
) -> None:
    decision = engine.decide(replace(lookup, department=CULTURE_BUREAU))
    assert not decision.allowed
    assert decision.rules == ("no-rule",)
    assert CULTURE_BUREAU in decision.reasons[0].en
    assert "business-licence" in decision.reasons[0].zh


def test_all_causes_are_named_the_first_one_first(
    engine: PolicyEngine, lookup: LookupRequest
) -> None:
    request = replace(lookup, item_lists_type=False, case=False, operator=False, basis="curiosity")
    expected = ("item-does-not-list-type", "no-case", "no-operator", "no-basis")
    assert engine.decide(request).rules == expected


def test_a_statutory_basis_needs_an_agreement_that_names_it_and_no_authorization(
    engine: PolicyEngine, lookup: LookupRequest
) -> None:
    statutory = replace(
        lookup, department=HEALTH_COMMISSION, basis="statutory", authorization="none"
    )
    transport = replace(statutory, department="11440300MB2E09012L")
    assert engine.decide(statutory).allowed
    assert engine.decide(transport).allowed
    by_holder = engine.decide(replace(transport, basis="holder", authorization="valid"))
    assert by_holder.rules == ("no-rule",)


def test_masks_name_every_field_asked_for_and_no_other(
    engine: PolicyEngine, lookup: LookupRequest
) -> None:
    request = replace(
        lookup, department=HEALTH_COMMISSION, fields=frozenset({"name", "registered_capital"})
    )
    masks = engine.decide(request).masks
    assert masks == {"name": "none", "registered_capital": "hidden"}
    with pytest.raises(TypeError):
        masks["registered_capital"] = "none"  # type: ignore[index]


def test_of_two_permits_the_stricter_mask_wins(lookup: LookupRequest) -> None:
    rules = """
    @id("a") @zh("甲") @en("a") @mask("name=hidden, credit_code=none")
    permit (principal, action == Action::"lookup", resource);
    @id("b") @zh("乙") @en("b") @mask("name=first1last1, credit_code=first1last1")
    permit (principal, action == Action::"lookup", resource);
    """
    decision = PolicyEngine.from_text(rules).decide(lookup)
    assert decision.rules == ("a", "b")
    assert decision.masks == {"name": "hidden", "credit_code": "first1last1"}
    assert decision.lifted == frozenset()


def test_a_field_that_a_rule_gives_out_by_name_is_lifted_unless_another_masks_it(
    lookup: LookupRequest,
) -> None:
    rules = """
    @id("a") @zh("甲") @en("a") @mask("name=none, credit_code=none, other=none")
    permit (principal, action == Action::"lookup", resource);
    @id("b") @zh("乙") @en("b") @mask("credit_code=hidden")
    permit (principal, action == Action::"lookup", resource);
    """
    decision = PolicyEngine.from_text(rules).decide(lookup)
    assert decision.lifted == {"name"}
    silent = PolicyEngine.from_text(PERMIT_ALL).decide(lookup)
    assert (silent.masks["name"], silent.lifted) == ("none", frozenset())


@pytest.mark.parametrize(
    "annotation",
    ['@mask("name=blurred")', '@mask("name")', "@mask", '@mask("a=hidden,a=none")', '@tell("x")'],
)
def test_an_obligation_nobody_understands_is_a_refusal(
    lookup: LookupRequest, annotation: str
) -> None:
    rules = (
        PERMIT_ALL
        + f"""
    @id("strange") @zh("奇") @en("strange") {annotation}
    permit (principal == Department::"{SERVICE_CENTRE}", action == Action::"lookup", resource);
    """
    )
    strange = PolicyEngine.from_text(rules)
    decision = strange.decide(lookup)
    assert (decision.allowed, decision.rules) == (False, ("unknown-obligation",))
    assert "strange" in decision.reasons[0].zh
    assert decision.masks == {}
    assert strange.decide(replace(lookup, department=CULTURE_BUREAU)).allowed


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (
            "context has item && context.system == context.system && 1 == 9223372036854775807 + 1",
            "overflow",
        ),
        ('Department::"nowhere".size == 1', "does not exist"),
    ],
)
def test_a_forbid_that_errs_still_refuses(
    lookup: LookupRequest, condition: str, words: str
) -> None:
    schema = (RULES_DIRECTORY / "schema.cedarschema").read_text("utf-8")
    schema = schema.replace("entity Department;", "entity Department { size?: Long };")
    schema = schema.replace("size?: Long", "size: Long") if "size" in condition else schema
    rules = (
        PERMIT_ALL
        + f"""
    @id("errs") @zh("错") @en("errs")
    forbid (principal, action == Action::"lookup", resource) when {{ {condition} }};
    """
    )
    alone = cedarpy.is_authorized(lookup.cedar(), rules, "[]")
    assert alone.allowed, "the trap: Cedar by itself skips a forbid that errs"
    decision = PolicyEngine.from_text(rules, schema).decide(lookup)
    assert (decision.allowed, decision.rules) == (False, ("rule-error",))
    assert words in decision.errors[0]
    assert "`errs`" in decision.errors[0]


def test_an_error_in_a_departments_own_rule_names_that_rule(lookup: LookupRequest) -> None:
    rules = (
        PERMIT_ALL
        + f"""
    @id("own-errs") @zh("错") @en("errs")
    forbid (principal == Department::"{SERVICE_CENTRE}", action == Action::"lookup", resource)
    when {{ 9223372036854775807 + 1 == 1 }};
    """
    )
    decision = PolicyEngine.from_text(rules).decide(lookup)
    assert not decision.allowed
    assert "`own-errs`" in decision.errors[0]


def test_forbids_are_still_named_beside_an_error(lookup: LookupRequest) -> None:
    rules = (
        (RULES_DIRECTORY / "lookups.cedar").read_text("utf-8")
        + """
    @id("errs") @zh("错") @en("errs")
    forbid (principal, action == Action::"lookup", resource) when { 9223372036854775807 + 1 == 1 };
    """
    )
    decision = PolicyEngine.from_text(rules).decide(replace(lookup, case=False))
    assert decision.rules == ("no-case", "rule-error")


def test_a_request_cedar_cannot_read_is_refused(
    engine: PolicyEngine, lookup: LookupRequest, act: ActRequest
) -> None:
    for broken in (
        replace(lookup, department="\ud800"),
        replace(lookup, item="\ud800"),
        replace(lookup, fields=frozenset({"\ud800"})),
        replace(lookup, department=None),  # type: ignore[arg-type]
        replace(lookup, department=["x"]),  # type: ignore[arg-type]
        replace(lookup, fields=frozenset({1, "a"})),  # type: ignore[arg-type]
    ):
        decision = engine.decide(broken)
        assert (decision.allowed, decision.rules) == (False, ("malformed-request",))
    robot = engine.decide_act(replace(act, actor_kind="robot"))
    assert (robot.allowed, robot.rules) == (False, ("malformed-request",))
    assert not engine.decide_act(replace(act, department="\ud800")).allowed


def test_a_fact_of_the_wrong_type_is_refused(engine: PolicyEngine, lookup: LookupRequest) -> None:
    decision = engine.decide(replace(lookup, operator="yes"))  # type: ignore[arg-type]
    assert not decision.allowed
    assert decision.errors


def test_no_decision_is_a_refusal(lookup: LookupRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = PolicyEngine.from_text(PERMIT_ALL)
    undecided = cedarpy.AuthzResult({"decision": "NoDecision", "diagnostics": {}})
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: undecided)
    decision = engine.decide(lookup)
    assert (decision.allowed, decision.rules) == (False, ("malformed-request",))


@pytest.mark.parametrize(
    "act_name", ["", "unheard-of", 'read-case"', "Read-Case", "lookup", "x\ny"]
)
def test_an_unknown_act_is_refused(engine: PolicyEngine, act: ActRequest, act_name: str) -> None:
    for kind in ("system", "operator", "applicant", "visitor"):
        decision = engine.decide_act(replace(act, actor_kind=kind, act=act_name, own=True))
        assert not decision.allowed


@pytest.mark.parametrize(
    "hostile",
    ['"', "\\", "\n", "\0", 'x", action, resource); permit(principal', "号" * 10_000, "`policy0`"],
)
def test_hostile_ids_are_data(engine: PolicyEngine, lookup: LookupRequest, hostile: str) -> None:
    for name in ("department", "certificate_type"):
        decision = engine.decide(replace(lookup, **{name: hostile}))
        assert (decision.allowed, decision.rules) == (False, ("no-rule",))
        assert len(decision.reasons[0].en) < 300
        assert decision.reasons[0].en.isprintable()
    for name in ("system", "item"):
        assert engine.decide(replace(lookup, **{name: hostile})).allowed
    assert engine.decide(replace(lookup, basis=hostile)).rules == ("no-basis",)
    wrong = engine.decide(replace(lookup, authorization=hostile))
    assert wrong.rules == ("authorization-state-unknown",)
    beyond = engine.decide(replace(lookup, fields=frozenset({hostile})))
    assert beyond.rules == ("fields-beyond-item",)


def test_an_equal_request_gets_the_same_decision_without_asking_cedar_again(
    engine: PolicyEngine, lookup: LookupRequest, act: ActRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, first_act = engine.decide(lookup), engine.decide_act(act)
    monkeypatch.delattr(cedarpy, "is_authorized")
    assert engine.decide(replace(lookup)) is first
    assert engine.decide_act(replace(act)) is first_act
    with pytest.raises(AttributeError):
        _ = cedarpy.is_authorized


def test_endless_requests_are_decided_but_not_remembered(
    engine: PolicyEngine, lookup: LookupRequest
) -> None:
    endless = replace(lookup, system="x" * 5_000)
    assert engine.decide(endless) is not engine.decide(endless)
    assert engine.decide(endless) == engine.decide(endless)


def test_the_digest_is_that_of_the_rule_text_and_can_be_recomputed(engine: PolicyEngine) -> None:
    assert engine.digest == hashlib.sha256(engine.text.encode()).hexdigest()
    again = PolicyEngine.from_text(engine.text)
    assert again.digest == engine.digest
    assert [rule.id for rule in again.rules] == [rule.id for rule in engine.rules]


def test_line_ends_and_byte_order_marks_do_not_change_the_digest_but_words_do() -> None:
    unix = PolicyEngine.from_text(PERMIT_ALL)
    windows = PolicyEngine.from_text("\ufeff" + PERMIT_ALL.replace("\n", "\r\n"))
    assert unix.digest == windows.digest
    assert unix.digest != PolicyEngine.from_text(PERMIT_ALL.replace("都", "皆")).digest


def test_a_directory_of_rules_is_read_in_the_order_of_names(
    tmp_path: Path, lookup: LookupRequest
) -> None:
    forbid = '@id("{0}") @zh("{0}") @en("{0}") forbid (principal, action, resource);'
    (tmp_path / "20.cedar").write_text(forbid.format("second"))
    (tmp_path / "10.cedar").write_text(forbid.format("first"))
    (tmp_path / "notes.txt").write_text("permit (principal, action, resource);")
    assert PolicyEngine.from_directory(tmp_path).decide(lookup).rules == ("first", "second")


def test_an_empty_set_of_rules_permits_nothing(lookup: LookupRequest, act: ActRequest) -> None:
    empty = PolicyEngine.from_text("")
    assert empty.decide(lookup).rules == ("no-rule",)
    assert empty.decide_act(act).rules == ("no-rule",)
