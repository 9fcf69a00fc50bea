"""Departments, their systems, and the client assertions already used."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from exchange.database import metadata

departments = sa.Table(
    "departments",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("name_zh", sa.Text, nullable=False),
    sa.Column("name_en", sa.Text, nullable=False),
    sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
)

systems = sa.Table(
    "systems",
    metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("department", sa.ForeignKey("departments.code"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("jwks", JSONB, nullable=False),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("disabled_at", sa.DateTime(timezone=True)),
)
