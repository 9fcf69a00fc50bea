"""One set of rules, ready to decide. Pure: the verdict depends on the request and the rules alone.

Cedar skips a policy whose evaluation errors, a `forbid` included. So a request is allowed only when
Cedar says Allow, no rule erred, and every obligation of the permits that apply is understood.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import cedarpy

from policies.decisions import (
    MALFORMED_REASON,
    RULE_ERROR_REASON,
    Decision,
    Reason,
    no_rule_for_act,
    no_rule_for_lookup,
    unknown_obligation,
)
from policies.masks import lifted_by_name, strictest
from policies.requests import ActRequest, LookupRequest
from policies.rulebook import Rule, Rulebook, read_rulebook
from policies.slices import Slice, Slices

RULES_DIRECTORY: Final = Path(__file__).parent / "rules"
_SCHEMA_FILE: Final = "schema.cedarschema"

_REMEMBERED: Final = 65_536
# Longer requests are decided anew each time, so that no caller can fill the memory with long ids.
_REMEMBERED_CHARACTERS: Final = 2_048
_NO_MASKS: Final[Mapping[str, str]] = MappingProxyType({})
# Facts stand in the context of a request; no rule needs attributes of entities.
_NO_ENTITIES: Final = cedarpy.Entities.from_json_str("[]")
_POLICY_NAME: Final = re.compile(r"policy `([^`]*)`")
_ERROR_CHARACTERS: Final = 200


class PolicyEngine:
    """Decides requests against one immutable set of rules. Safe to share between threads."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._rules: Mapping[str, Rule] = {rule.id: rule for rule in rulebook.rules}
        self._slices = Slices(rulebook)
        self._digest = hashlib.sha256(rulebook.text.encode()).hexdigest()
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._decide_anew)
        self._remembered_acts = lru_cache(maxsize=_REMEMBERED)(self._decide_act_anew)

    @classmethod
    def from_text(cls, rules: str, schema: str | None = None) -> PolicyEngine:
        """An engine over Cedar text, checked against `schema` (default: the packaged one).

        Raises RuleSetError naming every fault.
        """
        return cls(read_rulebook([("rules", rules)], schema or default_schema()))

    @classmethod
    def from_directory(cls, path: Path | None = None) -> PolicyEngine:
        """An engine over all ``*.cedar`` files of a directory (default: the packaged rules).

        The files are read in the order of their names; ``schema.cedarschema`` beside them is used
        where it exists, else the packaged one. Raises RuleSetError naming every fault, OSError
        for a directory that cannot be read, UnicodeDecodeError for a file that is not UTF-8.
        """
        directory = path or RULES_DIRECTORY
        schema_file = directory / _SCHEMA_FILE
        schema = schema_file.read_text("utf-8") if schema_file.exists() else default_schema()
        files = sorted(entry for entry in directory.iterdir() if entry.suffix == ".cedar")
        return cls(read_rulebook([(file.name, file.read_text("utf-8")) for file in files], schema))

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of `text` in UTF-8."""
        return self._digest

    @property
    def text(self) -> str:
        """The canonical rule text; an engine made from it decides the same and has this digest."""
        return self._rulebook.text

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules in the order of their text."""
        return self._rulebook.rules

    def decide(self, request: LookupRequest) -> Decision:
        """The verdict on one lookup; never raises for what a request may hold."""
        try:
            if _characters(request) > _REMEMBERED_CHARACTERS:
                return self._decide_anew(request)
            return self._remembered(request)
        except (TypeError, AttributeError):
            return self._refused(MALFORMED_REASON)

    def decide_act(self, request: ActRequest) -> Decision:
        """The verdict on any other act; never raises for what a request may hold."""
        try:
            if _act_characters(request) > _REMEMBERED_CHARACTERS:
                return self._decide_act_anew(request)
            return self._remembered_acts(request)
        except (TypeError, AttributeError):
            return self._refused(MALFORMED_REASON)

    def _decide_anew(self, request: LookupRequest) -> Decision:
        return self._verdict(request.cedar, lambda: no_rule_for_lookup(request), request.fields)

    def _decide_act_anew(self, request: ActRequest) -> Decision:
        def no_rule() -> Reason:
            return no_rule_for_act(request.actor_kind, request.department, request.act)

        return self._verdict(request.cedar, no_rule, frozenset())

    def _verdict(
        self,
        cedar: Callable[[], dict[str, Any]],
        no_rule: Callable[[], Reason],
        fields: frozenset[str],
    ) -> Decision:
        # 1. Ask Cedar. What it cannot even read (a lone surrogate, a wrong type) is refused.
        try:
            request = cedar()
            part = self._slices.find(request)
            result = cedarpy.is_authorized(request, part.policies, _NO_ENTITIES)
        except (KeyError, TypeError, ValueError):
            return self._refused(MALFORMED_REASON)
        determining = self._determining(part, result.diagnostics.reasons)
        errors = tuple(_presentable(error, part) for error in result.diagnostics.errors)
        # 2. No decision, or an error anywhere, is a refusal.
        if result.decision is cedarpy.Decision.NoDecision:
            return self._refused(MALFORMED_REASON, errors=errors)
        if errors:
            forbidding = [_reason(rule) for rule in determining if not rule.permits]
            return self._refused(*forbidding, RULE_ERROR_REASON, errors=errors)
        # 3. Forbidden, or permitted by nothing.
        if result.decision is not cedarpy.Decision.Allow or not determining:
            return self._refused(*([_reason(rule) for rule in determining] or [no_rule()]))
        # 4. Permitted: every obligation must be understood.
        masks = [rule.masks for rule in determining if rule.masks is not None]
        if len(masks) < len(determining):
            unknown = (rule.id for rule in determining if rule.masks is None)
            return self._refused(*(unknown_obligation(rule) for rule in unknown))
        reasons = tuple(_reason(rule) for rule in determining)
        released = strictest(fields, masks) if fields else _NO_MASKS
        rules = tuple(reason.rule for reason in reasons)
        lifted = lifted_by_name(released, masks)
        return Decision(True, rules, reasons, released, (), self._digest, lifted)

    def _determining(self, part: Slice, names: list[str]) -> list[Rule]:
        rules = (self._rules[part.names[name]] for name in names)
        return sorted(rules, key=lambda rule: rule.position)

    def _refused(self, *reasons: Reason, errors: tuple[str, ...] = ()) -> Decision:
        rules = tuple(reason.rule for reason in reasons)
        return Decision(False, rules, reasons, _NO_MASKS, errors, self._digest)


def default_schema() -> str:
    """The packaged schema: what rules of this hub may speak of."""
    return (RULES_DIRECTORY / _SCHEMA_FILE).read_text("utf-8")


def _reason(rule: Rule) -> Reason:
    return Reason(rule.id, rule.zh, rule.en)


def _presentable(error: str, part: Slice) -> str:
    """A Cedar message with the rule's id for Cedar's, printable, at most 200 characters."""
    named = _POLICY_NAME.sub(
        lambda found: f"rule `{part.names.get(found[1], found[1])}`", error, count=1
    )
    printable = "".join(character if character.isprintable() else " " for character in named)
    return printable[:_ERROR_CHARACTERS]


def _characters(request: LookupRequest) -> int:
    texts = (request.department, request.system, request.certificate_type, request.authorization)
    return (
        sum(map(len, texts))
        + len(request.item or "")
        + len(request.basis or "")
        + sum(map(len, request.fields))
        + sum(map(len, request.item_fields))
    )


def _act_characters(request: ActRequest) -> int:
    return (
        len(request.act)
        + len(request.authorization)
        + len(request.department or "")
        + len(request.resource_department or "")
        + sum(map(len, request.scopes))
    )
