"""Rows of the documents room, and what the log says of lookups."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert

from exchange.audit.tables import audit_records
from exchange.certificates.records import Certificate
from exchange.documents.records import Document, Released, Use
from exchange.documents.tables import documents


def find_original(
    connection: sa.Connection, certificate: Certificate, credential: str
) -> Document | None:
    """The sealed file of one version made from the credential of this SHA-256."""
    d = documents.c
    row = connection.execute(
        sa.select(documents).where(
            *_of(certificate), d.kind == "original", d.credential == credential
        )
    ).one_or_none()
    return _document_of(row) if row else None


def find_copy(connection: sa.Connection, certificate: Certificate, use: Use) -> Document | None:
    """The annotated copy made for exactly this use."""
    d = documents.c
    row = connection.execute(
        sa.select(documents).where(
            *_of(certificate),
            d.kind == "annotated",
            d.lookup == use.lookup,
            d.department == use.department,
            d.reason == use.reason,
            d.valid_until == use.valid_until,
        )
    ).one_or_none()
    return _document_of(row) if row else None


def find_copy_by_id(connection: sa.Connection, copy: UUID, department: str) -> Document | None:
    """An annotated copy that was made for a department."""
    d = documents.c
    row = connection.execute(
        sa.select(documents).where(d.id == copy, d.department == department)
    ).one_or_none()
    return _document_of(row) if row else None


def add(connection: sa.Connection, document: Document) -> bool:
    """Add a file; False, and nothing is added, where another made the same one first."""
    use = document.use
    added = connection.execute(
        pg_insert(documents)
        .values(
            id=document.id, issuer=document.issuer, type_code=document.type_code,
            serial=document.serial, version=document.version, kind=document.kind,
            credential=document.credential, kid=document.kid, sha256=document.sha256,
            size=document.size, media_type=document.media_type, made_at=document.made_at,
            retain_until=document.retain_until,
            department=use.department if use else None, system=use.system if use else None,
            lookup=use.lookup if use else None, case_number=use.case_number if use else None,
            reason=use.reason if use else None, valid_until=use.valid_until if use else None,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    return added.rowcount == 1


def find_released(
    connection: sa.Connection,
    certificate: Certificate,
    department: str,
    *,
    since: datetime,
    lookup: UUID | None = None,
    case_number: str | None = None,
    authorization: UUID | None = None,
) -> Released | None:
    """The newest lookup of this certificate's holder and type that was answered to a department
    since a time: the one of that id, or one for that case by that authorization."""
    body = sa.cast(sa.func.convert_from(audit_records.c.body, "UTF8"), JSONB)
    wanted = {
        "department": department,
        "type": certificate.type_key,
        "outcome": "released",
        "lookup": str(lookup) if lookup else None,
        "case": case_number,
        "authorization": str(authorization) if authorization else None,
    }
    row = connection.execute(
        sa.select(audit_records.c.recorded_at, body.label("record"))
        .where(
            audit_records.c.subject == certificate.holder_key,
            audit_records.c.kind == "lookup",
            audit_records.c.recorded_at >= since,
            *(body[name].astext == value for name, value in wanted.items() if value is not None),
        )
        .order_by(audit_records.c.index.desc())
        .limit(1)
    ).one_or_none()
    return _released_of(row) if row else None


def _released_of(row: Any) -> Released:
    record = row.record
    return Released(
        lookup=UUID(record["lookup"]),
        at=row.recorded_at,
        case_number=record.get("case"),
        fields=frozenset(record.get("fields", ())),
        masked=frozenset(record.get("masked", ())),
    )


def _of(certificate: Certificate) -> tuple[sa.ColumnElement[bool], ...]:
    d = documents.c
    return (
        d.issuer == certificate.issuer,
        d.type_code == certificate.type_code,
        d.serial == certificate.serial,
        d.version == certificate.version,
    )


def _document_of(row: Any) -> Document:
    use = None
    if row.kind == "annotated":
        use = Use(
            row.department, row.system, row.lookup, row.case_number, row.reason, row.valid_until
        )
    return Document(
        row.id, row.issuer, row.type_code, row.serial, row.version, row.credential, row.kid,
        row.sha256, row.size, row.media_type, row.made_at, row.retain_until, use,
    )  # fmt: skip
