"""Showings by one-time code. Of a row only its end is ever written later."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from exchange.database import metadata

presentations = sa.Table(
    "presentations",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("code_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("holder_key", sa.LargeBinary, nullable=False),
    sa.Column("identifier", sa.Text, nullable=False),
    sa.Column("certificate_type", sa.Text, nullable=False),
    sa.Column("fields", ARRAY(sa.Text), nullable=False),
    sa.Column("audience", sa.ForeignKey("departments.code")),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("lookup", sa.Uuid),
    sa.Column("used_by", sa.ForeignKey("departments.code")),
)
