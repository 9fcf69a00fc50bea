"""How an authorization stands towards one request. Pure, for the hot path and for reuse alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AuthorizationFacts:
    """What a decision needs to know of an authorization.

    Exactly one of ``certificate_type`` and ``material_kind`` is given. ``valid_from`` and
    ``valid_until`` are None until it is granted. ``state`` is one of requested, granted,
    refused, withdrawn.
    """

    id: UUID
    department: str
    item: str
    case_number: str
    holder_key: bytes
    certificate_type: str | None
    material_kind: str | None
    fields: frozenset[str]
    uses_max: int
    uses_taken: int
    valid_from: datetime | None
    valid_until: datetime | None
    state: str


_UNDECIDED_OR_OVER = {
    "requested": "not-granted",
    "refused": "refused",
    "withdrawn": "withdrawn",
}


def standing(
    authorization: AuthorizationFacts | None,
    *,
    holder_key: bytes,
    department: str,
    item: str,
    case_number: str,
    certificate_type: str,
    fields: frozenset[str],
    now: datetime,
) -> str:
    """How an authorization stands towards a lookup of these fields of this certificate type.

    Exactly one word of ``policies.requests.Authorization``. What concerns the request comes
    before what concerns time and number; the department comes first of all, so that another
    department's system learns nothing more of an authorization that is not its own.
    """
    if authorization is None:
        return "unknown"
    elsewhere = _elsewhere(authorization, holder_key, department, item, case_number)
    if elsewhere is not None:
        return elsewhere
    if authorization.certificate_type != certificate_type:
        return "other-type"
    if not fields <= authorization.fields:
        return "other-fields"
    return in_force(authorization, now)


def standing_for_reuse(
    authorization: AuthorizationFacts | None,
    *,
    holder_key: bytes,
    department: str,
    item: str,
    case_number: str,
    material_kind: str,
    now: datetime,
) -> str:
    """How an authorization stands towards reusing a document of this kind; see `standing`."""
    if authorization is None:
        return "unknown"
    elsewhere = _elsewhere(authorization, holder_key, department, item, case_number)
    if elsewhere is not None:
        return elsewhere
    if authorization.material_kind != material_kind:
        return "other-type"
    return in_force(authorization, now)


def in_force(authorization: AuthorizationFacts, now: datetime) -> str:
    """``valid``, or the first reason why it is not in force at ``now``.

    It holds from ``valid_from`` on and until, not at, ``valid_until``.
    """
    if authorization.state != "granted":
        return _UNDECIDED_OR_OVER.get(authorization.state, "not-granted")
    if authorization.valid_from is None or now < authorization.valid_from:
        return "not-yet"
    if authorization.valid_until is None or now >= authorization.valid_until:
        return "expired"
    if authorization.uses_taken >= authorization.uses_max:
        return "used-up"
    return "valid"


def _elsewhere(
    authorization: AuthorizationFacts,
    holder_key: bytes,
    department: str,
    item: str,
    case_number: str,
) -> str | None:
    if authorization.department != department:
        return "other-department"
    if authorization.holder_key != holder_key:
        return "other-holder"
    if authorization.item != item:
        return "other-item"
    if authorization.case_number != case_number:
        return "other-case"
    return None
