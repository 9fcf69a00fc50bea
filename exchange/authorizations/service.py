"""Asks holders for authorizations, and takes their decisions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from certstore.keys import Signer
from exchange.access import Access, Permitted
from exchange.audit.records import prepare
from exchange.authorizations import repository
from exchange.authorizations.artefacts import sign_grant
from exchange.authorizations.facts import in_force
from exchange.authorizations.records import Authorization
from exchange.authorizations.terms import (
    BEYOND_ITEM,
    WIDER_THAN_ASKED,
    Asked,
    find_way,
    narrowed,
    terms,
)
from exchange.authorizations.wording import Request, request_in_words
from exchange.cases.reading import get_case, item_of
from exchange.cases.records import Case
from exchange.cases.repository import lock_case
from exchange.clock import Clock
from exchange.errors import BadRequest, Conflict, Fault, NotFound
from exchange.governance.snapshot import Governance, Snapshot
from exchange.items.definitions import Item
from exchange.unit_of_work import UnitOfWork, Work
from policies.decisions import Decision, Reason


@dataclass(frozen=True, slots=True)
class Told:
    """An authorization with its words and how it stands now."""

    authorization: Authorization
    request: Request
    standing: str


class AnswerKeys(Protocol):
    """Where the key of grants is found (``exchange.keyring.service.Keyring``)."""

    @property
    def answers(self) -> Signer:
        """The key of answers and grants, as of now."""
        ...


class Authorizations:
    """The room's service."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        governance: Governance,
        access: Access,
        clock: Clock,
        keys: AnswerKeys,
        *,
        issuer: str,
    ) -> None:
        self._work = work
        self._governance = governance
        self._access = access
        self._clock = clock
        self._keys = keys
        self._issuer = issuer

    def request(self, permitted: Permitted, case: UUID, asked: Sequence[Asked]) -> list[Told]:
        """Ask the holder of a case for one authorization per material.

        Asking again for the same while it waits gives the one that waits.

        Raises:
            NotFound: the department has no such case.
            Refused: the item does not list it; the refusal stands in the log.
            Conflict: the case is complete, or other terms wait for the holder's decision.
        """
        with self._work.begin() as work:
            own = get_case(work.connection, case, permitted.department)
            if own.state != "open":
                raise Conflict("办件材料已齐全。", "The case is complete.")
            snapshot = self._governance.current(work.connection)
            item = item_of(work.connection, snapshot, own)
            wanted = [self._wanted(permitted, own, item, each, work.now) for each in asked]
            if all(each is not None for each in wanted):
                new = [each for each in wanted if each is not None]
                found = self._add(work, permitted, own, new)
                work.commit()
                return [self._told(each, snapshot) for each in found]
        beyond = next(each for each, way in zip(asked, wanted, strict=True) if way is None)
        raise self._access.refuse(
            permitted.caller,
            permitted.act,
            _no(BEYOND_ITEM, permitted),
            {"case": own.case_number, "item": own.item, "material": beyond.material},
        )

    def get(self, permitted: Permitted, authorization: UUID) -> Told:
        """An authorization that the department asked for.

        Raises:
            NotFound: it has none of that id.
        """
        with self._work.read() as connection:
            found = repository.find(connection, authorization)
            snapshot = self._governance.current(connection)
        if found is None or found.department != permitted.department:
            raise _not_found()
        return self._told(found, snapshot)

    def own(self, permitted: Permitted, *, before: UUID | None, limit: int) -> list[Told]:
        """What was asked of the acting applicant, newest first."""
        with self._work.read() as connection:
            found = repository.of_holder(
                connection, permitted.holder_key, before=before, limit=limit
            )
            snapshot = self._governance.current(connection)
        return [self._told(each, snapshot) for each in found]

    def grant(
        self,
        permitted: Permitted,
        authorization: UUID,
        *,
        fields: Collection[str] | None = None,
        uses: int | None = None,
        days: int | None = None,
    ) -> Told:
        """Grant what was asked, or less. It holds from now on, for the days agreed.

        Raises:
            NotFound: nothing of that id was asked of this applicant.
            Refused: more than was asked; the refusal stands in the log.
            BadRequest: no field is left.
            Conflict: it was decided already.
        """
        # 1. Read what was asked; while it waits nobody changes it.
        with self._work.read() as connection:
            found = repository.find(connection, authorization)
            snapshot = self._governance.current(connection)
        asked = _own(found, permitted)
        _check_waits(asked)
        granted = self._narrowed(permitted, asked, fields, uses, days)
        # 2. Sign outside any transaction.
        words = _in_words(granted, snapshot)
        artefact = sign_grant(granted, words.consent, self._keys.answers, issuer=self._issuer)
        granted = replace(granted, artefact=artefact)
        # 3. Decide, unless somebody did so in the meantime; then the signature goes nowhere.
        with self._work.begin() as work:
            _check_waits(_own(repository.lock(work.connection, authorization), permitted))
            repository.decide(work.connection, granted)
            self._record(
                work,
                permitted,
                "authorization-granted",
                granted,
                result=sha256(artefact.encode()).hexdigest(),
                counts={"uses": granted.uses_max, "days": granted.valid_days},
            )
            work.commit()
        return self._told(granted, snapshot)

    def refuse(self, permitted: Permitted, authorization: UUID) -> Told:
        """Refuse what was asked.

        Raises:
            NotFound: nothing of that id was asked of this applicant.
            Conflict: it was decided already.
        """
        return self._end(permitted, authorization, "requested", "refused", "authorization-refused")

    def withdraw(self, permitted: Permitted, authorization: UUID) -> Told:
        """Withdraw a grant; from the next lookup on it counts no more.

        Raises:
            NotFound: nothing of that id was asked of this applicant.
            Conflict: it is not granted, or was withdrawn already.
        """
        return self._end(
            permitted, authorization, "granted", "withdrawn", "authorization-withdrawn"
        )

    def _end(
        self, permitted: Permitted, authorization: UUID, state: str, becomes: str, kind: str
    ) -> Told:
        with self._work.begin() as work:
            found = _own(repository.lock(work.connection, authorization), permitted)
            if found.state != state:
                raise _decided(found)
            ended = replace(found, state=becomes, decided_at=work.now)
            repository.decide(work.connection, ended)
            self._record(work, permitted, kind, ended)
            snapshot = self._governance.current(work.connection)
            work.commit()
        return self._told(ended, snapshot)

    def _wanted(
        self, permitted: Permitted, case: Case, item: Item, asked: Asked, now: datetime
    ) -> Authorization | None:
        way = find_way(item, asked)
        if way is None:
            return None
        return Authorization(
            id=self._clock.new_id(),
            case_id=case.id,
            case_number=case.case_number,
            department=case.department,
            system=permitted.caller.subject,
            item=case.item,
            material=asked.material,
            holder_id_type=case.holder_id_type,
            holder_key=case.holder_key,
            basis=asked.basis,
            certificate_type=way.certificate_type,
            material_kind=way.material_kind,
            fields=way.fields if asked.fields is None else asked.fields,
            uses_max=asked.uses,
            uses_taken=0,
            valid_days=asked.days,
            state="requested",
            requested_at=now,
            decided_at=None,
            valid_from=None,
            valid_until=None,
            artefact=None,
        )

    def _add(
        self, work: Work[Any, Any], permitted: Permitted, case: Case, wanted: list[Authorization]
    ) -> list[Authorization]:
        # The case is locked so that two requests at once do not both ask the holder.
        lock_case(work.connection, case.id)
        waiting = {
            each.material: each
            for each in repository.of_cases(work.connection, [case.id])[case.id]
            if each.state == "requested"
        }
        found, new = [], []
        for each in wanted:
            waits = waiting.get(each.material)
            if waits is None:
                new.append(each)
            elif terms(waits) != terms(each):
                raise Conflict(
                    "该材料另有一项授权请求正待申请人决定。",
                    "Another request for this material waits for the holder's decision.",
                    members={"authorization": str(waits.id), "material": each.material},
                )
            found.append(waits or each)
        if new:
            repository.add(work.connection, new)
        for each in new:
            self._record(
                work,
                permitted,
                "authorization-requested",
                each,
                counts={"uses": each.uses_max, "days": each.valid_days},
            )
        return found

    def _narrowed(
        self,
        permitted: Permitted,
        asked: Authorization,
        fields: Collection[str] | None,
        uses: int | None,
        days: int | None,
    ) -> Authorization:
        granted = narrowed(asked, fields=fields, uses=uses, days=days, now=self._clock.now())
        if granted is None:
            raise self._access.refuse(
                permitted.caller,
                permitted.act,
                _no(WIDER_THAN_ASKED, permitted),
                {"authorization": str(asked.id)},
            )
        if asked.certificate_type is not None and not granted.fields:
            raise BadRequest(
                "至少须保留一个字段;如不同意,请拒绝。",
                "Keep at least one field, or refuse.",
                faults=(Fault("/fields", "不能为空", "must not be empty"),),
            )
        return granted

    def _record(
        self,
        work: Work[Any, Any],
        permitted: Permitted,
        kind: str,
        authorization: Authorization,
        **members: Any,
    ) -> None:
        system = permitted.caller.kind == "system"
        work.record(
            prepare(
                kind,
                work.now,
                authorization=str(authorization.id),
                department=authorization.department,
                system=permitted.caller.subject if system else None,
                key=permitted.caller.key if system else None,
                holder=authorization.holder_key,
                item=authorization.item,
                case=authorization.case_number,
                material=authorization.material,
                basis=authorization.basis,
                type=authorization.certificate_type,
                fields=sorted(authorization.fields),
                policy=permitted.decision.policy_set,
                rules=permitted.decision.rules,
                outcome="done",
                **members,
            )
        )

    def _told(self, authorization: Authorization, snapshot: Snapshot) -> Told:
        return Told(
            authorization,
            _in_words(authorization, snapshot),
            in_force(authorization.facts, self._clock.now()),
        )


def _in_words(authorization: Authorization, snapshot: Snapshot) -> Request:
    return request_in_words(
        authorization,
        departments=snapshot.departments,
        items=snapshot.items,
        types=snapshot.types,
    )


def _own(found: Authorization | None, permitted: Permitted) -> Authorization:
    if found is None or found.holder_key != permitted.holder_key:
        raise _not_found()
    return found


def _check_waits(authorization: Authorization) -> None:
    if authorization.state != "requested":
        raise _decided(authorization)


def _decided(authorization: Authorization) -> Conflict:
    return Conflict(
        "该授权当前状态不允许此操作。",
        "The authorization's present state does not allow this.",
        members={"state": authorization.state},
    )


def _not_found() -> NotFound:
    return NotFound("没有该授权。", "There is no such authorization.")


def _no(reason: Reason, permitted: Permitted) -> Decision:
    return Decision(False, (reason.rule,), (reason,), {}, (), permitted.decision.policy_set)
