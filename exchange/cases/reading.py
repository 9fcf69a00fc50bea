"""Reads cases with their checklists, afresh each time, in a bounded number of statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from exchange.authorizations import repository as authorizations
from exchange.cases import repository
from exchange.cases.checklist import checklist
from exchange.cases.records import Case, CaseFile
from exchange.errors import NotFound
from exchange.governance.snapshot import Snapshot
from exchange.items.definitions import Item, Material, Way
from policies.requests import LookupRequest


def get_case(connection: sa.Connection, case: UUID, department: str) -> Case:
    """A department's own case.

    Raises:
        NotFound: it has none of that id; another department's is not found either.
    """
    found = repository.find_case(connection, case, department=department)
    if found is None:
        raise NotFound("没有该办件。", "There is no such case.")
    return found


def items_of(
    connection: sa.Connection, snapshot: Snapshot, cases: Sequence[Case]
) -> Mapping[tuple[str, int], Item]:
    """The version of its item that each case was opened for, by code and version."""
    newest = {(item.code, item.version): item for item in snapshot.items.values()}
    older = {(case.item, case.item_version) for case in cases} - newest.keys()
    return newest | repository.definitions(connection, older)


def item_of(connection: sa.Connection, snapshot: Snapshot, case: Case) -> Item:
    """The version of its item that a case was opened for."""
    return items_of(connection, snapshot, [case])[case.item, case.item_version]


def get_material(item: Item, code: str) -> Material:
    """A material of an item.

    Raises:
        NotFound: the item has no such material.
    """
    material = item.find_material(code)
    if material is None:
        raise NotFound("该事项没有此材料。", "The item has no such material.")
    return material


def case_files(
    connection: sa.Connection, snapshot: Snapshot, cases: Sequence[Case], now: datetime
) -> list[CaseFile]:
    """Cases about one holder with their checklists: five statements at most, however many."""
    if not cases:
        return []
    holder_key = cases[0].holder_key
    items = items_of(connection, snapshot, cases)
    ways = [
        way
        for case in cases
        for material in items[case.item, case.item_version].materials
        for way in material.ways
    ]
    given = repository.given(connection, [case.id for case in cases])
    asked = authorizations.of_cases(connection, [case.id for case in cases])
    types = repository.types_in_force(
        connection, holder_key, _named(way.certificate_type for way in ways), now
    )
    documents = repository.newest_documents(
        connection, holder_key, _named(way.material_kind for way in ways)
    )
    return [
        CaseFile(
            case,
            item := items[case.item, case.item_version],
            checklist(
                item,
                given=given[case.id],
                authorizations=asked[case.id],
                types_in_force=types,
                documents=documents,
                by_duty=_by_duty(snapshot, case, item),
                now=now,
            ),
        )
        for case in cases
    ]


def _named(names: Iterable[str | None]) -> set[str]:
    return {name for name in names if name is not None}


def _by_duty(snapshot: Snapshot, case: Case, item: Item) -> Callable[[Way], bool]:
    def allowed(way: Way) -> bool:
        if way.certificate_type is None:
            return False
        return snapshot.policy.decide(
            LookupRequest(
                department=case.department,
                system=case.system,
                certificate_type=way.certificate_type,
                fields=way.fields,
                item=item.code,
                item_known=True,
                item_lists_type=True,
                item_fields=item.certificate_fields[way.certificate_type],
                case=True,
                basis="statutory",
                authorization="none",
                operator=True,
            )
        ).allowed

    return allowed
