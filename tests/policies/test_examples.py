"""Every packaged rule has an example it determines and one it spares (rules/examples.toml)."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from policies import ActRequest, Decision, LookupRequest, PolicyEngine
from policies.engine import RULES_DIRECTORY

EXAMPLES: dict[str, Any] = tomllib.loads((RULES_DIRECTORY / "examples.toml").read_text("utf-8"))
KINDS = ("lookup", "act")
CASES = [(kind, example) for kind in KINDS for example in EXAMPLES[f"{kind}_example"]]


def decide(engine: PolicyEngine, kind: str, changes: dict[str, Any]) -> Decision:
    facts: dict[str, Any] = {**EXAMPLES[kind], **changes}
    facts = {name: None if fact == "-" else fact for name, fact in facts.items()}
    facts = {name: frozenset(f) if isinstance(f, list) else f for name, f in facts.items()}
    if kind == "lookup":
        return engine.decide(LookupRequest(**facts))
    return engine.decide_act(ActRequest(**facts))


@pytest.mark.parametrize(("kind", "example"), CASES, ids=[case[1]["rule"] for case in CASES])
def test_the_rule_determines_its_example_and_spares_the_other(
    engine: PolicyEngine, kind: str, example: dict[str, Any]
) -> None:
    rule = next(rule for rule in engine.rules if rule.id == example["rule"])
    applies = decide(engine, kind, example["applies"])
    assert rule.id in applies.rules
    assert applies.allowed is rule.permits
    assert applies.errors == ()
    spares = decide(engine, kind, example["spares"])
    assert rule.id not in spares.rules
    assert spares.errors == ()


def test_every_rule_has_exactly_one_example(engine: PolicyEngine) -> None:
    assert sorted(example["rule"] for _, example in CASES) == sorted(r.id for r in engine.rules)
