"""What becomes of one lookup of a batch: decided, released or refused, and recorded.

Pure but for its arguments: everything was read before, everything is written after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import orjson

from certstore.masking import Masking, mask, stricter
from certstore.status import State
from exchange.access import Caller
from exchange.audit.kinds import BASES
from exchange.audit.records import Operator, PreparedRecord, prepare
from exchange.authorizations.facts import AuthorizationFacts, standing
from exchange.governance.snapshot import Snapshot
from exchange.lookups.answers import digest
from exchange.lookups.presented import CodeUse, Presented, standing_of_code
from exchange.lookups.reading import Held, Use
from exchange.lookups.schemas import LookupIn
from policies.decisions import Decision
from policies.requests import ActRequest, LookupRequest

_NO_CODES: Final[Mapping[bytes, Presented]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Asked:
    """One lookup as it came: its id, what it asks, who asks, the hash of the whole body, and the
    hash of the one-time code where it came with one."""

    id: UUID
    lookup: LookupIn
    caller: Caller
    request: str
    code: bytes | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of one lookup. ``result`` is the canonical JSON that is signed."""

    outcome: str
    result: bytes
    decision: Decision
    record: PreparedRecord


class Deciding:
    """Decides the lookups of one batch in the order they came.

    Uses of an authorization are counted here, so that it is never used more often than granted
    within one batch either; its row is locked, so that no other batch counts meanwhile.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        authorizations: dict[UUID, AuthorizationFacts],
        now: datetime,
        today: date,
        presented: Mapping[bytes, Presented] = _NO_CODES,
    ) -> None:
        self._snapshot = snapshot
        self._authorizations = authorizations
        self._now = now
        self._today = today
        self._presented = dict(presented)
        self.uses: list[Use] = []
        self.code_uses: list[CodeUse] = []

    def decide(self, asked: Asked, holder: bytes | None, held: Sequence[Held]) -> Decided:
        """Decide one lookup whose certificates were read."""
        lookup = asked.lookup
        fields = frozenset(lookup.fields)
        authorization = self._authorization(lookup)
        decision = self._may_use_lookups(asked.caller)
        if decision.allowed:
            decision = self._snapshot.policy.decide(
                self._request(asked, holder, fields, authorization)
            )
        if not decision.allowed:
            return self._refused(asked, holder, decision)
        if asked.code is not None:
            self._use_code(self._presented[asked.code], asked)
        elif authorization is not None and _by_authorization(lookup):
            self._take_use(authorization, asked.id)
        return self._released(asked, holder, held, decision)

    def _may_use_lookups(self, caller: Caller) -> Decision:
        return self._snapshot.policy.decide_act(
            ActRequest(
                actor_kind=caller.kind,
                department=caller.department,
                scopes=caller.scopes,
                act="use-lookups",
                resource_department=caller.department,
            )
        )

    def _authorization(self, lookup: LookupIn) -> AuthorizationFacts | None:
        basis = lookup.basis
        if basis is None or basis.authorization is None:
            return None
        return self._authorizations.get(basis.authorization)

    def _request(
        self,
        asked: Asked,
        holder: bytes | None,
        fields: frozenset[str],
        authorization: AuthorizationFacts | None,
    ) -> LookupRequest:
        lookup = asked.lookup
        purpose, basis = lookup.purpose, lookup.basis
        item_code = purpose.item if purpose else None
        case = purpose.case if purpose else None
        item = self._snapshot.items.get(item_code) if item_code else None
        listed = item.certificate_fields.get(lookup.certificate_type) if item else None
        how = "none"
        if asked.code is not None:
            how = standing_of_code(
                self._presented.get(asked.code),
                holder_key=holder or b"",
                department=asked.caller.department or "",
                certificate_type=lookup.certificate_type,
                fields=fields,
                now=self._now,
            )
        elif basis is not None and basis.authorization is not None:
            how = standing(
                authorization,
                holder_key=holder or b"",
                department=asked.caller.department or "",
                item=item_code or "",
                case_number=case or "",
                certificate_type=lookup.certificate_type,
                fields=fields,
                now=self._now,
            )
        return LookupRequest(
            department=asked.caller.department or "",
            system=asked.caller.subject,
            certificate_type=lookup.certificate_type,
            fields=fields,
            item=item_code,
            item_known=item is not None,
            item_lists_type=listed is not None,
            item_fields=listed or frozenset(),
            case=bool(case),
            basis=basis.kind if basis else None,
            authorization=how,
            operator=lookup.operator is not None,
        )

    def _use_code(self, presented: Presented, asked: Asked) -> None:
        self._presented[presented.code_hash] = replace(presented, state="used")
        department = asked.caller.department or ""
        self.code_uses.append(CodeUse(presented.id, asked.id, department))

    def _take_use(self, authorization: AuthorizationFacts, lookup: UUID) -> None:
        used = replace(authorization, uses_taken=authorization.uses_taken + 1)
        self._authorizations[authorization.id] = used
        self.uses.append(Use(authorization.id, used.uses_taken, lookup))

    def _released(
        self, asked: Asked, holder: bytes | None, held: Sequence[Held], decision: Decision
    ) -> Decided:
        fields, by_holder = frozenset(asked.lookup.fields), _by_authorization(asked.lookup)
        certificates = [
            certificate(each, self._masks(each, fields, decision, by_holder), self._today)
            for each in held
        ]
        outcome = "released" if certificates else "not-found"
        result = orjson.dumps(
            {"lookup": str(asked.id), "found": bool(certificates), "certificates": certificates},
            option=orjson.OPT_SORT_KEYS,
        )
        record = self._record(
            "lookup", asked, holder, decision, outcome, result,
            fields=sorted(asked.lookup.fields) if certificates else None,
            masked=_masked(certificates) or None,
        )  # fmt: skip
        return Decided(outcome, result, decision, record)

    def _masks(
        self, held: Held, fields: frozenset[str], decision: Decision, by_holder: bool
    ) -> dict[str, Masking]:
        """How each field is shown: as the rules say, and as the certificate's own type version
        says, unless the holder agreed to show the field or an agreement gives it out by name."""
        kind = self._snapshot.find_type(held.type_key, held.type_version)
        masks: dict[str, Masking] = {}
        for name in fields:
            own: Masking = "none"
            if not (by_holder or name in decision.lifted):
                field = kind.find_field(name) if kind is not None else None
                own = field.mask if field is not None else ("none" if kind else "hidden")
            masks[name] = stricter(decision.masks.get(name, "none"), own)
        return masks

    def _refused(self, asked: Asked, holder: bytes | None, decision: Decision) -> Decided:
        result = orjson.dumps(
            {
                "lookup": str(asked.id),
                "reasons": [
                    {"rule": each.rule, "zh": each.zh, "en": each.en} for each in decision.reasons
                ],
            },
            option=orjson.OPT_SORT_KEYS,
        )
        record = self._record(
            "refusal", asked, holder, decision, "refused", result,
            reason=decision.reasons[0].rule,
            fields=sorted(set(asked.lookup.fields)),
        )  # fmt: skip
        return Decided("refused", result, decision, record)

    def _record(
        self,
        kind: str,
        asked: Asked,
        holder: bytes | None,
        decision: Decision,
        outcome: str,
        result: bytes,
        **more: Any,
    ) -> PreparedRecord:
        lookup, caller = asked.lookup, asked.caller
        purpose, basis, operator = lookup.purpose, lookup.basis, lookup.operator
        return prepare(
            kind,
            self._now,
            lookup=str(asked.id),
            department=caller.department,
            system=caller.subject,
            key=caller.key or None,
            operator=Operator(operator.account, operator.unit) if operator else None,
            holder=holder,
            type=lookup.certificate_type,
            item=purpose.item if purpose else None,
            case=purpose.case if purpose else None,
            basis=basis.kind if basis and basis.kind in BASES else None,
            authorization=str(basis.authorization) if basis and basis.authorization else None,
            policy=decision.policy_set,
            rules=decision.rules or None,
            request=asked.request,
            result=digest(result),
            outcome=outcome,
            **more,
        )


def certificate(held: Held, masks: Mapping[str, Masking], today: date) -> dict[str, Any]:
    """One certificate as it is released: the fields that have a mask in ``masks``, masked so.

    A field that the certificate does not have, such as one of a later type version, is None.
    """
    values = orjson.loads(held.fields)
    state = held_state(held, today)
    return {
        "identifier": held.identifier,
        "type": held.type_key,
        "type_version": held.type_version,
        "version": held.version,
        "state": state.en,
        "state_code": state.code,
        "valid_from": held.valid_from.isoformat() if held.valid_from else None,
        "valid_until": held.valid_until.isoformat() if held.valid_until else None,
        "fields": {name: mask(values.get(name), how) for name, how in masks.items()},
        "masked": sorted(name for name, how in masks.items() if how != "none"),
    }


def held_state(held: Held, today: date) -> State:
    """The state of a certificate on a day: that of its last event, or 失效 after its term."""
    state = State.from_code(held.state)
    if state is State.VALID and held.valid_until is not None and held.valid_until < today:
        return State.EXPIRED
    return state


def _by_authorization(lookup: LookupIn) -> bool:
    return lookup.basis is not None and lookup.basis.kind in ("holder", "entrusted")


def _masked(certificates: Iterable[dict[str, Any]]) -> list[str]:
    return sorted({name for each in certificates for name in each["masked"]})
