"""Opens and reads cases (办件)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from certstore.holders import STANDARD, holder_key
from certstore.objects import ObjectStore
from exchange.access import Access, Permitted
from exchange.audit.records import Operator, prepare
from exchange.cases import repository
from exchange.cases.giving import Giving
from exchange.cases.reading import case_files, get_case
from exchange.cases.records import Case, CaseFile, Document, Saving
from exchange.clock import Clock
from exchange.errors import BadRequest, Conflict, Fault
from exchange.governance.snapshot import Governance, Snapshot
from exchange.items.definitions import Item
from exchange.unit_of_work import UnitOfWork


class Cases:
    """The room's service for opening and reading; `giving` puts materials to cases."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        governance: Governance,
        access: Access,
        clock: Clock,
        objects: ObjectStore,
        *,
        holder_hmac_key: bytes,
    ) -> None:
        self.giving = Giving(work, governance, access, clock, objects)
        self._work = work
        self._governance = governance
        self._clock = clock
        self._holder_hmac_key = holder_hmac_key

    def open(
        self,
        permitted: Permitted,
        *,
        item: str,
        case_number: str,
        holder_id_type: str,
        holder_id: str,
        operator: Operator,
    ) -> tuple[CaseFile, bool]:
        """Open a case, or give the one that is open already. True where it is new.

        The same department asking again under the same number, for the same item and holder,
        gets the same case: a lost answer may simply be asked for again.

        Raises:
            BadRequest: no such item, or an id that is none of its type.
            Conflict: the department used this case number for something else.
        """
        with self._work.begin() as work:
            snapshot = self._governance.current(work.connection)
            wanted = _get_item(snapshot, item)
            _check_holder(snapshot, holder_id_type, holder_id)
            case = Case(
                id=self._clock.new_id(),
                department=permitted.department,
                system=permitted.caller.subject,
                case_number=case_number,
                item=wanted.code,
                item_version=wanted.version,
                holder_id_type=holder_id_type,
                holder_key=holder_key(self._holder_hmac_key, holder_id_type, holder_id),
                state="open",
                opened_at=work.now,
                completed_at=None,
            )
            opened = repository.add_case(work.connection, case)
            if not opened:
                case = _same(work.connection, case)
            [file] = case_files(work.connection, snapshot, [case], work.now)
            if opened:
                work.record(
                    prepare(
                        "case-opened",
                        work.now,
                        department=case.department,
                        system=case.system,
                        key=permitted.caller.key,
                        case=case.case_number,
                        item=case.item,
                        holder=case.holder_key,
                        operator=operator,
                        policy=permitted.decision.policy_set,
                        rules=permitted.decision.rules,
                        outcome="done",
                    )
                )
                work.commit()
        return file, opened

    def get(self, permitted: Permitted, case: UUID) -> CaseFile:
        """One of the department's own cases with its checklist.

        Raises:
            NotFound: the department has no such case.
        """
        with self._work.read() as connection:
            found = get_case(connection, case, permitted.department)
            snapshot = self._governance.current(connection)
            return case_files(connection, snapshot, [found], self._clock.now())[0]

    def find_by_number(self, permitted: Permitted, case_number: str) -> CaseFile | None:
        """The department's case of that number."""
        with self._work.read() as connection:
            found = repository.find_case_by_number(
                connection, case_number, department=permitted.department
            )
            if found is None:
                return None
            snapshot = self._governance.current(connection)
            return case_files(connection, snapshot, [found], self._clock.now())[0]

    def savings(self, permitted: Permitted) -> list[Saving]:
        """How the department's cases got their materials, per item."""
        with self._work.read() as connection:
            return repository.savings(connection, permitted.department)

    def of_applicant(
        self, permitted: Permitted, *, before: UUID | None, limit: int
    ) -> list[CaseFile]:
        """The cases about the acting applicant, newest first."""
        with self._work.read() as connection:
            found = repository.cases_of_holder(
                connection, permitted.holder_key, before=before, limit=limit
            )
            snapshot = self._governance.current(connection)
            return case_files(connection, snapshot, found, self._clock.now())

    def documents_of_applicant(
        self, permitted: Permitted, *, before: UUID | None, limit: int
    ) -> list[Document]:
        """The documents the acting applicant gave, newest first."""
        with self._work.read() as connection:
            return repository.documents_of_holder(
                connection, permitted.holder_key, before=before, limit=limit
            )


def _get_item(snapshot: Snapshot, code: str) -> Item:
    item = snapshot.items.get(code)
    if item is None:
        raise BadRequest(
            "事项目录中没有该编码的事项。",
            "There is no service item of that code.",
            faults=(Fault("/item", "目录中没有该事项", "not in the catalogue, see /v1/items"),),
        )
    return item


def _check_holder(snapshot: Snapshot, id_type: str, holder_id: str) -> None:
    kind = (dict(STANDARD) | snapshot.holder_ids).get(id_type)
    if kind is None:
        fault = Fault("/holder/id_type", "未知的证件类型", "an unknown kind of id")
    elif not kind.may_be(holder_id):
        fault = Fault("/holder/id", f"不是有效的{kind.zh}", f"not a valid {kind.en}")
    else:
        return
    raise BadRequest("申请人证件有误。", "The holder's id is not usable.", faults=(fault,))


def _same(connection: sa.Connection, case: Case) -> Case:
    known = repository.find_case_by_number(connection, case.case_number, department=case.department)
    if known is None or (known.item, known.holder_key) != (case.item, case.holder_key):
        raise Conflict(
            "本部门已用该办件编号办理其他事项或其他申请人。",
            "The department uses this case number for another item or holder.",
        )
    return known
