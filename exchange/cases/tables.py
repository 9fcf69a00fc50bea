"""Cases, documents given by applicants, and what was put to each case."""

from __future__ import annotations

import sqlalchemy as sa

from exchange.database import metadata

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("department", sa.ForeignKey("departments.code"), nullable=False),
    sa.Column("system", sa.ForeignKey("systems.client_id"), nullable=False),
    sa.Column("case_number", sa.Text, nullable=False),
    sa.Column("item_code", sa.Text, nullable=False),
    sa.Column("item_version", sa.Integer, nullable=False),
    sa.Column("holder_id_type", sa.Text, nullable=False),
    sa.Column("holder_key", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("completed_at", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("department", "case_number"),
)

materials = sa.Table(
    "materials",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("holder_key", sa.LargeBinary, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("case_id", sa.ForeignKey("cases.id"), nullable=False),
    sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
)

case_materials = sa.Table(
    "case_materials",
    metadata,
    sa.Column("case_id", sa.ForeignKey("cases.id"), primary_key=True),
    sa.Column("material", sa.Text, primary_key=True),
    sa.Column("how", sa.Text, nullable=False),
    sa.Column("lookup", sa.Uuid),
    sa.Column("material_id", sa.ForeignKey("materials.id")),
    sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
)
