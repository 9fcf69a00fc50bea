"""Signing keys, what became of them, their certificates, and the root's lists. Insert-only."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from exchange.database import metadata

root_certificates = sa.Table(
    "root_certificates",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("registered_by", sa.Text, nullable=False),
)

signing_keys = sa.Table(
    "signing_keys",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("jwk", JSONB, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("made_at", sa.DateTime(timezone=True)),
    sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("registered_by", sa.Text, nullable=False),
)

signing_key_events = sa.Table(
    "signing_key_events",
    metadata,
    sa.Column("kid", sa.Text, sa.ForeignKey("signing_keys.kid"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
)

key_certificates = sa.Table(
    "key_certificates",
    metadata,
    sa.Column("kid", sa.Text, sa.ForeignKey("signing_keys.kid"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("root", sa.Integer, nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
)

revocation_lists = sa.Table(
    "revocation_lists",
    metadata,
    sa.Column("root", sa.Integer, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("crl", sa.LargeBinary, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
)
