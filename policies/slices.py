"""Only the rules that can apply to a request are evaluated for it.

Cedar's cost is linear in the number of policies. A rule whose scope names one action, one principal
or one resource cannot apply to another, so leaving it out changes no verdict (a property test
compares with the whole set). Rules for any principal are parsed once per action and resource;
a principal's own few are added to a copy of that.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import cedarpy

from policies.rulebook import Rule, Rulebook

_KEPT_SLICES: Final = 4096

# (type, id) of an entity a scope names, or None where the scope admits any.
_Entity = tuple[str, str] | None
_Scope = tuple[_Entity, _Entity]  # action, resource


@dataclass(frozen=True, slots=True)
class Slice:
    """Rules that may apply, parsed. `names` maps Cedar's policy ids to rule ids."""

    policies: cedarpy.PolicySet
    names: Mapping[str, str]


class Slices:
    """The rules of one rulebook, sorted by what their scopes name."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._general: dict[_Scope, list[Rule]] = defaultdict(list)
        self._own: dict[tuple[_Scope, _Entity], list[Rule]] = defaultdict(list)
        for rule in rulebook.rules:
            resource = _named(rule.body["resource"])
            principal = _named(rule.body["principal"])
            for action in _named_actions(rule.body["action"]):
                if principal is None:
                    self._general[action, resource].append(rule)
                else:
                    self._own[(action, resource), principal].append(rule)
        self._parse_general = lru_cache(maxsize=_KEPT_SLICES)(self._general_slice)
        self._parse_own = lru_cache(maxsize=_KEPT_SLICES)(self._own_slice)
        self._parse_ahead()

    def find(self, request: Mapping[str, Any]) -> Slice:
        """The slice for a request in cedarpy's structured form."""
        action, resource, principal = (
            (request[part]["type"], request[part]["id"])
            for part in ("action", "resource", "principal")
        )
        scopes = ((action, resource), (action, None), (None, resource), (None, None))
        general = tuple(scope for scope in scopes if scope in self._general)
        own = tuple((scope, principal) for scope in scopes if (scope, principal) in self._own)
        return self._parse_own(general, own) if own else self._parse_general(general)

    def _parse_ahead(self) -> None:
        """Parses each action's rules for any principal: milliseconds that no request pays."""
        for action in {action for action, _ in self._general}:
            scopes = dict.fromkeys(((action, None), (None, None)))
            self._parse_general(tuple(scope for scope in scopes if scope in self._general))

    def _general_slice(self, scopes: tuple[_Scope, ...]) -> Slice:
        rules = _in_order(rule for scope in scopes for rule in self._general[scope])
        policies = cedarpy.PolicySet.from_json_str(_json(rules))
        return Slice(policies, {rule.id: rule.id for rule in rules})

    def _own_slice(
        self, general: tuple[_Scope, ...], own: tuple[tuple[_Scope, _Entity], ...]
    ) -> Slice:
        base = self._parse_general(general)
        rules = _in_order(rule for key in own for rule in self._own[key])
        # Copying a parsed set and adding to it costs a tenth of parsing both together; Cedar names
        # what is added policy0, policy1, … in the order of the text, which no rule id can be.
        text = "\n".join(cedarpy.policies_from_json_str(_json((rule,))) for rule in rules)
        added = {f"policy{place}": rule.id for place, rule in enumerate(rules)}
        return Slice(base.policies.with_added_str(text), {**base.names, **added})


def _json(rules: Iterable[Rule]) -> str:
    policies = {rule.id: rule.body for rule in rules}
    return json.dumps({"templates": {}, "staticPolicies": policies, "templateLinks": []})


def _in_order(rules: Iterable[Rule]) -> list[Rule]:
    return sorted({rule.id: rule for rule in rules}.values(), key=lambda rule: rule.position)


def _named(scope: Mapping[str, Any]) -> _Entity:
    """The one entity a scope admits; `None` for every wider scope (any, `in`, `is`)."""
    if scope["op"] != "==":
        return None
    return _uid(scope["entity"])


def _named_actions(scope: Mapping[str, Any]) -> set[_Entity]:
    """The actions a scope admits; actions form no groups, so `in` means one of those listed."""
    if scope["op"] == "All":
        return {None}
    listed = scope["entities"] if "entities" in scope else [scope["entity"]]
    return {_uid(entity) for entity in listed}


def _uid(entity: Mapping[str, Any]) -> tuple[str, str]:
    return entity["type"], entity["id"]
