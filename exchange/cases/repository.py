"""Rows of the cases room. Every read is one statement, whatever the numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, distinct_on, insert

from exchange.audit.tables import audit_records
from exchange.cases.records import Case, Document, Given, Saving
from exchange.cases.tables import case_materials, cases, materials
from exchange.certificates.in_force import EVENTS, is_valid, takes_part
from exchange.items.definitions import Item
from exchange.items.tables import items

# Of each of the holder's certificates the version that counts; its state is worked out from its
# events.
_HELD = sa.text(
    f"""
    SELECT c.type_key, c.version, c.valid_from, c.valid_until, e.events FROM (
        SELECT DISTINCT ON (issuer, type_code, serial) * FROM certificates
        WHERE holder_key = :holder_key AND type_key = ANY (:types) AND {takes_part(":now")}
        ORDER BY issuer, type_code, serial, version DESC
    ) c {EVENTS}
    """  # noqa: S608  # constants alone
)


def add_case(connection: sa.Connection, case: Case) -> bool:
    """Open a case. False where the department has one of that number already."""
    values = asdict(case)
    values["item_code"] = values.pop("item")
    opened = connection.execute(
        insert(cases)
        .values(values)
        .on_conflict_do_nothing(index_elements=[cases.c.department, cases.c.case_number])
        .returning(cases.c.id)
    ).one_or_none()
    return opened is not None


def find_case(connection: sa.Connection, case: UUID, *, department: str) -> Case | None:
    """A department's own case."""
    return _one(connection, (cases.c.id == case) & (cases.c.department == department))


def find_case_of_holder(connection: sa.Connection, case: UUID, *, holder_key: bytes) -> Case | None:
    """A case about this holder."""
    return _one(connection, (cases.c.id == case) & (cases.c.holder_key == holder_key))


def find_case_by_number(
    connection: sa.Connection, case_number: str, *, department: str
) -> Case | None:
    """A department's case of that number."""
    return _one(
        connection, (cases.c.case_number == case_number) & (cases.c.department == department)
    )


def lock_case(connection: sa.Connection, case: UUID) -> Case:
    """A case known to exist, locked until the transaction ends; others may still refer to it."""
    query = sa.select(cases).where(cases.c.id == case).with_for_update(key_share=True)
    return _case(connection.execute(query).one())


def cases_of_holder(
    connection: sa.Connection, holder_key: bytes, *, before: UUID | None, limit: int
) -> list[Case]:
    """The cases about a holder, newest first, older than ``before`` where it is given."""
    query = sa.select(cases).where(cases.c.holder_key == holder_key)
    if before is not None:
        query = query.where(cases.c.id < before)
    return [
        _case(row) for row in connection.execute(query.order_by(cases.c.id.desc()).limit(limit))
    ]


def complete(connection: sa.Connection, case: UUID, now: datetime) -> None:
    """Say that every material of a case is given."""
    connection.execute(
        sa.update(cases).where(cases.c.id == case).values(state="complete", completed_at=now)
    )


def given(connection: sa.Connection, wanted: Collection[UUID]) -> dict[UUID, dict[str, Given]]:
    """What stands in these cases, by case and material."""
    found: dict[UUID, dict[str, Given]] = {case: {} for case in wanted}
    rows = connection.execute(
        sa.select(case_materials).where(case_materials.c.case_id.in_(list(wanted)))
    )
    for row in rows:
        found[row.case_id][row.material] = Given(
            row.material, row.how, row.lookup, row.material_id, row.given_at
        )
    return found


def give(connection: sa.Connection, case: UUID, new: Given) -> None:
    """Put a material to a locked case, in place of what stood there."""
    values = {
        "how": new.how,
        "lookup": new.lookup,
        "material_id": new.document,
        "given_at": new.given_at,
    }
    connection.execute(
        insert(case_materials)
        .values(case_id=case, material=new.material, **values)
        .on_conflict_do_update(
            index_elements=[case_materials.c.case_id, case_materials.c.material], set_=values
        )
    )


def add_document(connection: sa.Connection, document: Document) -> None:
    """Keep a document's particulars; its content is in the object store already."""
    connection.execute(sa.insert(materials).values(asdict(document)))


def find_document(
    connection: sa.Connection, document: UUID, *, holder_key: bytes
) -> Document | None:
    """A document that this holder gave."""
    row = connection.execute(
        sa.select(materials).where(materials.c.id == document, materials.c.holder_key == holder_key)
    ).one_or_none()
    return _document(row) if row else None


def newest_documents(
    connection: sa.Connection, holder_key: bytes, kinds: Collection[str]
) -> dict[str, Document]:
    """The newest document of each of these kinds that a holder gave, by kind."""
    rows = connection.execute(
        sa.select(materials)
        .ext(distinct_on(materials.c.kind))
        .where(materials.c.holder_key == holder_key, materials.c.kind.in_(sorted(kinds)))
        .order_by(materials.c.kind, materials.c.given_at.desc(), materials.c.id.desc())
    )
    return {row.kind: _document(row) for row in rows}


def documents_of_holder(
    connection: sa.Connection, holder_key: bytes, *, before: UUID | None, limit: int
) -> list[Document]:
    """What a holder gave, newest first, older than ``before`` where it is given."""
    query = sa.select(materials).where(materials.c.holder_key == holder_key)
    if before is not None:
        query = query.where(materials.c.id < before)
    rows = connection.execute(query.order_by(materials.c.id.desc()).limit(limit))
    return [_document(row) for row in rows]


def types_in_force(
    connection: sa.Connection, holder_key: bytes, types: Collection[str], now: datetime
) -> frozenset[str]:
    """Those of these certificate types of which the holder has a certificate in force."""
    rows = connection.execute(_HELD, {"holder_key": holder_key, "types": sorted(types), "now": now})
    return frozenset(
        row.type_key
        for row in rows
        if is_valid(row.events, row.version, now, row.valid_from, row.valid_until)
    )


def find_lookup_record(connection: sa.Connection, lookup: UUID, *, holder_key: bytes) -> Any:
    """The log's record of a lookup about this holder, as a JSON object; None without any."""
    body = sa.cast(sa.func.convert_from(audit_records.c.body, "UTF8"), JSONB)
    return connection.execute(
        sa.select(body).where(
            audit_records.c.subject == holder_key,
            audit_records.c.kind == "lookup",
            body["lookup"].astext == str(lookup),
        )
    ).scalar_one_or_none()


def definitions(
    connection: sa.Connection, wanted: Collection[tuple[str, int]]
) -> dict[tuple[str, int], Item]:
    """These versions of service items."""
    if not wanted:
        return {}
    rows = connection.execute(
        sa.select(items).where(sa.tuple_(items.c.code, items.c.version).in_(list(wanted)))
    )
    return {
        (row.code, row.version): Item.from_json(row.definition, version=row.version) for row in rows
    }


def savings(connection: sa.Connection, department: str) -> list[Saving]:
    """How a department's cases got their materials, per item."""

    def counted(how: str) -> sa.Label[int]:
        return sa.func.count().filter(case_materials.c.how == how).label(how)

    rows = connection.execute(
        sa.select(cases.c.item_code, counted("upload"), counted("certificate"), counted("shared"))
        .join(case_materials, case_materials.c.case_id == cases.c.id)
        .where(cases.c.department == department)
        .group_by(cases.c.item_code)
        .order_by(cases.c.item_code)
    )
    return [Saving(row.item_code, row.upload, row.certificate, row.shared) for row in rows]


def _one(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Case | None:
    row = connection.execute(sa.select(cases).where(condition)).one_or_none()
    return _case(row) if row else None


def _case(row: Any) -> Case:
    return Case(
        id=row.id,
        department=row.department,
        system=row.system,
        case_number=row.case_number,
        item=row.item_code,
        item_version=row.item_version,
        holder_id_type=row.holder_id_type,
        holder_key=bytes(row.holder_key),
        state=row.state,
        opened_at=row.opened_at,
        completed_at=row.completed_at,
    )


def _document(row: Any) -> Document:
    return Document(
        id=row.id,
        holder_key=bytes(row.holder_key),
        kind=row.kind,
        sha256=row.sha256,
        size=row.size,
        media_type=row.media_type,
        file_name=row.file_name,
        case_id=row.case_id,
        given_at=row.given_at,
        given_by=row.given_by,
    )
