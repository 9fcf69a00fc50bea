"""Authorizations and the uses taken of them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from exchange.database import metadata

authorizations = sa.Table(
    "authorizations",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("case_id", sa.ForeignKey("cases.id"), nullable=False),
    sa.Column("department", sa.ForeignKey("departments.code"), nullable=False),
    sa.Column("system", sa.ForeignKey("systems.client_id"), nullable=False),
    sa.Column("item_code", sa.Text, nullable=False),
    sa.Column("material", sa.Text, nullable=False),
    sa.Column("holder_id_type", sa.Text, nullable=False),
    sa.Column("holder_key", sa.LargeBinary, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("certificate_type", sa.Text),
    sa.Column("material_kind", sa.Text),
    sa.Column("fields", ARRAY(sa.Text), nullable=False),
    sa.Column("uses_max", sa.Integer, nullable=False),
    sa.Column("uses_taken", sa.Integer, nullable=False, server_default="0"),
    sa.Column("valid_days", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("valid_from", sa.DateTime(timezone=True)),
    sa.Column("valid_until", sa.DateTime(timezone=True)),
    sa.Column("artefact", sa.Text),
)

authorization_uses = sa.Table(
    "authorization_uses",
    metadata,
    sa.Column("authorization_id", sa.ForeignKey("authorizations.id"), primary_key=True),
    sa.Column("use_number", sa.Integer, primary_key=True),
    sa.Column("lookup", sa.Uuid, nullable=False),
    sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
)
