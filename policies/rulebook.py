"""From rule texts to checked rules: every fault is found before any rule counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cedarpy

from policies.decisions import BUILT_IN
from policies.errors import RuleFault, RuleSetError
from policies.masks import parse_masks

_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Cedar names policies of a text policy0, policy1, …; a rule of that name could be mistaken for one.
_POSITIONAL: Final = re.compile(r"policy\d+")
_SENTENCES: Final = ("zh", "en")
_UNDERSTOOD: Final = frozenset({"id", "mask", *_SENTENCES})


@dataclass(frozen=True, slots=True)
class Rule:
    """One Cedar policy.

    `body` is Cedar's JSON policy format. `masks` is `None` when the rule carries an obligation that
    is not understood (an unknown annotation, or an unknown value of ``@mask``).
    """

    id: str
    position: int
    permits: bool
    zh: str
    en: str
    masks: Mapping[str, str] | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Checked rules in the order of their text, which is kept in its canonical form."""

    text: str
    rules: tuple[Rule, ...]


def canonical(text: str) -> str:
    """`text` without byte order mark, with LF line ends and one at its end."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return lines.rstrip("\n") + "\n"


def read_rulebook(sources: Iterable[tuple[str, str]], schema_text: str) -> Rulebook:
    """Rules of all `sources` (name, Cedar text), checked against the schema (Cedar schema syntax).

    Raises RuleSetError with every fault: text that does not parse, templates, rules without or with
    a doubtful ``@id``, an id used twice, missing ``@zh`` or ``@en``, whatever Cedar's strict
    validator finds. Actions may not be members of one another: the schema checks rules, but what a
    rule means must follow from the rule text alone, which is what is stored and hashed.
    """
    try:
        schema = cedarpy.Schema.from_str(schema_text)
    except ValueError as error:
        raise RuleSetError((_unreadable("schema", error),)) from error
    faults = list(_group_faults(schema))
    rules: list[Rule] = []
    texts: list[str] = []
    first_source: dict[str, str] = {}
    for source, raw in sources:
        text = canonical(raw)
        try:
            parsed = json.loads(cedarpy.policies_to_json_str(text))
        except ValueError as error:
            faults.append(_unreadable(source, error))
            continue
        texts.append(text)
        faults.extend(_schema_faults(source, text, schema))
        if parsed["templates"]:
            faults.append(_fault("template", source, "", "不支持模板", "templates are not used"))
        for place, body in _in_text_order(parsed["staticPolicies"]):
            faults.extend(_annotation_faults(source, place, body, first_source))
            rules.append(_rule(len(rules), body))
    if faults:
        raise RuleSetError(tuple(faults))
    return Rulebook("\n".join(texts), tuple(rules))


def _in_text_order(policies: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    numbered = {int(name.removeprefix("policy")): body for name, body in policies.items()}
    return sorted(numbered.items())


def _rule(position: int, body: dict[str, Any]) -> Rule:
    annotations = body.get("annotations", {})
    return Rule(
        id=annotations.get("id") or "",
        position=position,
        permits=body["effect"] == "permit",
        zh=annotations.get("zh") or "",
        en=annotations.get("en") or "",
        masks=_masks(annotations),
        body=body,
    )


def _masks(annotations: Mapping[str, str | None]) -> Mapping[str, str] | None:
    if not annotations.keys() <= _UNDERSTOOD:
        return None
    if "mask" not in annotations:
        return {}
    try:
        return parse_masks(annotations["mask"] or "")
    except ValueError:
        return None


def _annotation_faults(
    source: str, place: int, body: Mapping[str, Any], first_source: dict[str, str]
) -> Iterable[RuleFault]:
    annotations = body.get("annotations", {})
    rule = annotations.get("id") or ""
    name = rule or f"#{place + 1}"
    if not rule:
        yield _fault("id-missing", source, name, "规则缺少 @id", "the rule has no @id")
    elif not _ID.fullmatch(rule) or _POSITIONAL.fullmatch(rule) or rule in BUILT_IN:
        yield _fault(
            "id-unusable",
            source,
            name,
            "@id 只能用小写字母、数字和连字符，且不得与内置名称相同",
            "an @id is lower-case letters, digits and hyphens, and no built-in name",
        )
    elif rule in first_source:
        yield _fault(
            "id-twice",
            source,
            name,
            f"@id 已在 {first_source[rule]} 中使用",
            f"this @id is already used in {first_source[rule]}",
        )
    first_source.setdefault(rule, source)
    for language in _SENTENCES:
        if not (annotations.get(language) or "").strip():
            yield _fault(
                "sentence-missing",
                source,
                name,
                f"规则缺少 @{language} 说明",
                f"the rule has no sentence @{language}",
            )


def _schema_faults(source: str, text: str, schema: cedarpy.Schema) -> Iterable[RuleFault]:
    result = cedarpy.validate_policies(text, schema)
    ids = result.id_annotations_by_policy_id
    for error in result.errors:
        name = ids.get(error.policy_id) or error.policy_id
        yield _fault("schema", source, name, f"不符合模式：{error.error}", error.error)


def _group_faults(schema: cedarpy.Schema) -> Iterable[RuleFault]:
    actions = json.loads(str(cedarpy.Entities.from_json_str("[]", schema)))
    for action in actions:
        if action["parents"]:
            name = action["uid"]["id"]
            yield _fault(
                "action-group", "schema", name, "操作不得嵌套成组", "actions may not be grouped"
            )


def _unreadable(source: str, error: ValueError) -> RuleFault:
    return _fault("unreadable", source, "", f"无法解析：{error}", f"cannot be parsed: {error}")


def _fault(code: str, source: str, rule: str, zh: str, en: str) -> RuleFault:
    return RuleFault(code, source, rule, zh, en)
