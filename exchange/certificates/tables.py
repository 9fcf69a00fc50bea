"""Certificates, what happened to them, and the status lists that publish their state.

``certificates``, ``certificate_events``, ``status_changes`` and ``published_lists`` are only ever
added to. ``certificate_requests`` hold what a system asked for under a name of its own.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from exchange.database import metadata

status_lists = sa.Table(
    "status_lists",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("allocated", sa.Integer, nullable=False),
)

issue_batches = sa.Table(
    "issue_batches",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("type_code", sa.Text, nullable=False),
    sa.Column("planned", sa.Integer, nullable=False),
    sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("pull", sa.Uuid),
    sa.Column("done_at", sa.DateTime(timezone=True)),
)

certificates = sa.Table(
    "certificates",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("type_code", sa.Text, primary_key=True),
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("version", sa.SmallInteger, primary_key=True),
    sa.Column("type_key", sa.Text, nullable=False),
    sa.Column("type_version", sa.Integer, nullable=False),
    sa.Column("identifier", sa.Text, nullable=False),
    sa.Column("holder_key", sa.LargeBinary, nullable=False),
    sa.Column("holder_id_type", sa.Text, nullable=False),
    sa.Column("holder_id", sa.Text, nullable=False),
    sa.Column("holder_name", sa.Text, nullable=False),
    sa.Column("fields", JSONB, nullable=False),
    sa.Column("valid_from", sa.Date),
    sa.Column("valid_until", sa.Date),
    sa.Column("issued_on", sa.Date, nullable=False),
    sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("status_list", sa.Integer, nullable=False),
    sa.Column("status_index", sa.Integer, nullable=False),
    sa.Column("source_key", sa.Text, nullable=False),
    sa.Column("source_hash", sa.Text, nullable=False),
    sa.Column("credential", sa.Text, nullable=False),
    sa.Column("batch", sa.Uuid, nullable=False),
    sa.Column("effective_at", sa.DateTime(timezone=True)),
)

certificate_events = sa.Table(
    "certificate_events",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("type_code", sa.Text, primary_key=True),
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("version", sa.SmallInteger, nullable=False),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("legal_ground", sa.Text),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("reason_code", sa.Text, nullable=False),
    sa.Column("withdraws", sa.Integer),
    sa.Column("related", sa.Text),
    sa.Column("statement", sa.Text),
)

status_changes = sa.Table(
    "status_changes",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("sequence", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("index", sa.Integer, nullable=False),
    sa.Column("value", sa.SmallInteger, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("effective_at", sa.DateTime(timezone=True)),
)

published_lists = sa.Table(
    "published_lists",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("issued_at", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("token", sa.Text, nullable=False),
)

certificate_requests = sa.Table(
    "certificate_requests",
    metadata,
    sa.Column("department", sa.Text, primary_key=True),
    sa.Column("request", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("type_code", sa.Text, nullable=False),
    sa.Column("serial", sa.Text, nullable=False),
    sa.Column("batch", sa.Uuid),
    sa.Column("status_list", sa.Integer),
    sa.Column("status_index", sa.Integer),
    sa.Column("done_at", sa.DateTime(timezone=True)),
    sa.Column("version", sa.SmallInteger),
    sa.Column("sequence", sa.Integer),
)
