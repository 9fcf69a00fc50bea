"""The verdict on one request, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from policies.requests import LookupRequest

NO_RULE: Final = "no-rule"
RULE_ERROR: Final = "rule-error"
UNKNOWN_OBLIGATION: Final = "unknown-obligation"
MALFORMED_REQUEST: Final = "malformed-request"
BUILT_IN: Final = frozenset({NO_RULE, RULE_ERROR, UNKNOWN_OBLIGATION, MALFORMED_REQUEST})

_SHOWN_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the ``@id`` of the rule (or a built-in word of `BUILT_IN`) and its sentence."""

    rule: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict.

    - `rules`: ids of what determined it, the first cause first; the same as those of `reasons`.
    - `reasons`: for a refusal every rule that forbids, in the order of the rule text; for a
      permission every permit that applies.
    - `masks`: for an allowed lookup the mask of every field asked for (``none``, ``first1last1``,
      ``hidden``); empty otherwise.
    - `lifted`: for an allowed lookup the fields that a rule gives out whole by name (``=none``) and
      that none masks: the agreement itself says that they may be seen.
    - `errors`: what the engine said of rules it could not evaluate. Any error is a refusal.
    - `policy_set`: digest of the set of rules, see `PolicyEngine.digest`.
    """

    allowed: bool
    rules: tuple[str, ...]
    reasons: tuple[Reason, ...]
    masks: Mapping[str, str]
    errors: tuple[str, ...]
    policy_set: str
    lifted: frozenset[str] = frozenset()


def shown(value: str) -> str:
    """`value` fit for a sentence: printable, at most 64 characters and an ellipsis."""
    text = "".join(character if character.isprintable() else "�" for character in value[:65])
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def no_rule_for_lookup(request: LookupRequest) -> Reason:
    department, key = shown(request.department), shown(request.certificate_type)
    basis = shown(request.basis or "-")
    return Reason(
        NO_RULE,
        f"没有规则允许部门 {department} 以 {basis} 为依据查验证照类型 {key}",
        f"no rule permits department {department} to look up type {key} on the basis {basis}",
    )


def no_rule_for_act(actor_kind: str, department: str | None, act: str) -> Reason:
    who = shown(f"{actor_kind} {department}" if department else actor_kind)
    return Reason(
        NO_RULE,
        f"没有规则允许 {who} 执行 {shown(act)}",
        f"no rule permits {who} to {shown(act)}",
    )


RULE_ERROR_REASON: Final = Reason(
    RULE_ERROR,
    "有规则未能求值，按拒绝处理",
    "a rule could not be evaluated, so the request is refused",
)
MALFORMED_REASON: Final = Reason(
    MALFORMED_REQUEST,
    "请求的事实不合格式，规则引擎未能作出判断，按拒绝处理",
    "the facts of the request are malformed: the rules gave no decision, so it is refused",
)


def unknown_obligation(rule: str) -> Reason:
    return Reason(
        UNKNOWN_OBLIGATION,
        f"规则 {rule} 附有无法识别的义务，按拒绝处理",
        f"rule {rule} carries an obligation that is not understood, so the request is refused",
    )
