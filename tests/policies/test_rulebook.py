from __future__ import annotations

import pytest

from policies import PolicyEngine, RuleSetError


def faults_of(rules: str, schema: str | None = None) -> list[tuple[str, str]]:
    with pytest.raises(RuleSetError) as refused:
        PolicyEngine.from_text(rules, schema)
    for fault in refused.value.faults:
        assert fault.zh
        assert fault.en
        assert str(fault) in str(refused.value)
    return [(fault.code, fault.rule) for fault in refused.value.faults]


def test_all_faults_are_named_at_once() -> None:
    rules = """
    permit (principal, action == Action::"lookup", resource);
    @id("twice") @zh("一") @en("one") permit (principal, action == Action::"lookup", resource);
    @id("twice") @zh("二") @en("two") permit (principal, action == Action::"lookup", resource);
    @id("silent") @en("one language") permit (principal, action == Action::"lookup", resource);
    @id("no-rule") @zh("三") @en("three") permit (principal, action == Action::"lookup", resource);
    @id("policy7") @zh("四") @en("four") permit (principal, action == Action::"lookup", resource);
    @id("Loud") @zh("五") @en("five") permit (principal, action == Action::"lookup", resource);
    @id("lost") @zh("六") @en("six") permit (principal, action == Action::"fly", resource);
    """
    found = faults_of(rules)
    assert [fault for fault in found if fault[0] != "schema"] == [
        ("id-missing", "#1"),
        ("sentence-missing", "#1"),
        ("sentence-missing", "#1"),
        ("id-twice", "twice"),
        ("sentence-missing", "silent"),
        ("id-unusable", "no-rule"),
        ("id-unusable", "policy7"),
        ("id-unusable", "Loud"),
    ]
    assert ("schema", "lost") in found


def test_a_rule_about_an_unknown_fact_is_refused() -> None:
    rules = """
    @id("guess") @zh("猜") @en("guess")
    permit (principal, action == Action::"lookup", resource) when { context.mood == "good" };
    """
    assert faults_of(rules) == [("schema", "guess")]


def test_an_optional_fact_must_be_asked_for_before_it_is_used() -> None:
    rules = """
    @id("rash") @zh("莽") @en("rash")
    forbid (principal, action == Action::"lookup", resource) when { context.basis == "holder" };
    """
    assert faults_of(rules) == [("schema", "rash")]


def test_text_that_is_no_cedar_and_a_broken_schema_are_named() -> None:
    assert faults_of("permit (") == [("unreadable", "")]
    assert faults_of("", "entity") == [("unreadable", "")]


def test_templates_are_refused() -> None:
    rules = """
    @id("t") @zh("模") @en("t")
    permit (principal == ?principal, action == Action::"lookup", resource);
    """
    assert ("template", "") in faults_of(rules)


def test_a_schema_may_not_group_actions() -> None:
    schema = """
    entity A;
    action group;
    action fly in [group] appliesTo { principal: [A], resource: [A] };
    """
    assert faults_of("", schema) == [("action-group", "fly")]
