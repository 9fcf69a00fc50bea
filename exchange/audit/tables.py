"""The log's three tables. The application may insert into the first two, never change them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
)

from exchange.database import metadata

audit_records = Table(
    "audit_records",
    metadata,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", LargeBinary, nullable=True),
    Column("leaf", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("department", Text, nullable=True),
    Column("system", Text, nullable=True),
    Column("operator", Text, nullable=True),
    Column("case_number", Text, nullable=True),
    Column("lookup", Text, nullable=True),
)
for name, column in (
    ("subject", audit_records.c.subject),
    ("case", audit_records.c.case_number),
    ("operator", audit_records.c.operator),
    ("lookup", audit_records.c.lookup),
):
    Index(
        f"audit_records_{name}",
        column,
        audit_records.c.index,
        postgresql_where=column.isnot(None),
    )
audit_tiles = Table(
    "audit_tiles",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
)
