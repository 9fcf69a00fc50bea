"""What a decision is asked about: every fact arrives here, the engine reads nothing else.

Both requests are hashable; equal requests get equal decisions from one engine for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

Basis = Literal["holder", "entrusted", "statutory"]
Authorization = Literal[
    "none",
    "valid",
    "unknown",
    "used-up",
    "expired",
    "not-yet",
    "withdrawn",
    "refused",
    "not-granted",
    "other-holder",
    "other-department",
    "other-item",
    "other-type",
    "other-fields",
    "other-case",
    "code-used",
    "code-expired",
    "code-withdrawn",
    "code-elsewhere",
]
ActorKind = Literal["system", "operator", "applicant", "visitor"]

_PRINCIPALS: Final = {
    "system": "System",
    "operator": "Operator",
    "applicant": "Applicant",
    "visitor": "Visitor",
}
_HUB: Final = {"type": "Hub", "id": "hub"}
LOOKUP: Final = "lookup"


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """One lookup of one certificate type, with the facts a verdict depends on.

    - `department`: USCC of the asking department; `system`: its client id.
    - `fields`: the fields asked for. `item_fields`: those the item's materials list for this type.
    - `item`: the service item named as purpose, `None` when none was named; `item_known`: it stands
      in the catalogue; `item_lists_type`: one of its materials lists the certificate type.
    - `case`: an open case of that item was named; `operator`: account, name, unit were named.
    - `basis`: the legal basis named, or `None`. `authorization`: how the named authorization stands
      towards exactly this request (one of `Authorization`); ignored for a statutory basis.

    `basis` and `authorization` are plain strings, so that what a caller sent can be passed on
    as it came: a word the rules do not know is refused by rule, not by an exception.
    """

    department: str
    system: str
    certificate_type: str
    fields: frozenset[str]
    item: str | None
    item_known: bool
    item_lists_type: bool
    item_fields: frozenset[str]
    case: bool
    basis: str | None
    authorization: str
    operator: bool

    def cedar(self) -> dict[str, Any]:
        """The request in cedarpy's structured form (ids as data, never as Cedar text)."""
        context: dict[str, Any] = {
            "system": self.system,
            "fields": sorted(self.fields),
            "item_known": self.item_known,
            "item_lists_type": self.item_lists_type,
            "item_fields": sorted(self.item_fields),
            "case": self.case,
            "authorization": self.authorization,
            "operator": self.operator,
        }
        if self.item is not None:
            context["item"] = self.item
        if self.basis is not None:
            context["basis"] = self.basis
        return {
            "principal": {"type": "Department", "id": self.department},
            "action": {"type": "Action", "id": LOOKUP},
            "resource": {"type": "CertificateType", "id": self.certificate_type},
            "context": context,
        }


@dataclass(frozen=True, slots=True)
class ActRequest:
    """Any other act, by a department's system or operator, an applicant, or a visitor.

    - `department`: USCC of the acting department, `None` for applicants and visitors.
    - `scopes`: scopes of the access token.
    - `resource_department`: USCC of the department whose case, certificate, register or record is
      touched; `None` where the act touches no department's property.
    - `own`: the thing touched concerns the acting applicant (or whom the applicant stands for).
    - `authorization`: for `reuse-material`, how the applicant's authorization stands.
    """

    actor_kind: str
    department: str | None
    scopes: frozenset[str]
    act: str
    resource_department: str | None = None
    own: bool = False
    authorization: str = "none"

    def cedar(self) -> dict[str, Any]:
        """The request in cedarpy's structured form.

        Raises KeyError for an `actor_kind` that is none of `ActorKind`.
        """
        context: dict[str, Any] = {
            "scopes": sorted(self.scopes),
            "own": self.own,
            "authorization": self.authorization,
        }
        if self.department is not None:
            context["department"] = self.department
        if self.resource_department is not None:
            context["resource_department"] = self.resource_department
        return {
            "principal": {"type": _PRINCIPALS[self.actor_kind], "id": self.department or "person"},
            "action": {"type": "Action", "id": self.act},
            "resource": _HUB,
            "context": context,
        }
