"""The sealed files that were made, originals and annotated copies. Nobody may change a row."""

from __future__ import annotations

import sqlalchemy as sa

from exchange.database import metadata

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("type_code", sa.Text, nullable=False),
    sa.Column("serial", sa.Text, nullable=False),
    sa.Column("version", sa.SmallInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("credential", sa.Text, nullable=False),
    sa.Column("kid", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("retain_until", sa.DateTime(timezone=True), nullable=False),
    sa.Column("department", sa.Text),
    sa.Column("system", sa.Text),
    sa.Column("lookup", sa.Uuid),
    sa.Column("case_number", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("valid_until", sa.Date),
)
