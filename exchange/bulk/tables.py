"""Bulk jobs: what was asked for, how far it came, what was refused, and what was imported.

Of these only ``bulk_jobs`` is ever changed.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from exchange.database import metadata

_TIME = sa.DateTime(timezone=True)

bulk_files = sa.Table(
    "bulk_files",
    metadata,
    sa.Column("department", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("received_at", _TIME, nullable=False),
    sa.Column("received_by", sa.Text, nullable=False),
)

bulk_jobs = sa.Table(
    "bulk_jobs",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("department", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("type_key", sa.Text),
    sa.Column("file", sa.Text),
    sa.Column("parameters", JSONB, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("requester_kind", sa.Text, nullable=False),
    sa.Column("requester_key", sa.Text),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("requested_at", _TIME, nullable=False),
    sa.Column("started_at", _TIME),
    sa.Column("taken_up_at", _TIME),
    sa.Column("progress_at", _TIME),
    sa.Column("finished_at", _TIME),
    sa.Column("stop_requested_at", _TIME),
    sa.Column("total", sa.BigInteger),
    sa.Column("done", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("done_before", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("chunks", sa.Integer, nullable=False, server_default="0"),
    sa.Column("cursor", JSONB(none_as_null=True)),
    sa.Column("counts", JSONB, nullable=False, server_default="{}"),
    sa.Column("failure_code", sa.Text),
    sa.Column("failure_zh", sa.Text),
    sa.Column("failure_en", sa.Text),
)

bulk_chunks = sa.Table(
    "bulk_chunks",
    metadata,
    sa.Column("job", sa.Uuid, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("counts", JSONB, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("committed_at", _TIME, nullable=False),
)

bulk_objects = sa.Table(
    "bulk_objects",
    metadata,
    sa.Column("job", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
)

bulk_refusals = sa.Table(
    "bulk_refusals",
    metadata,
    sa.Column("job", sa.Uuid, primary_key=True),
    sa.Column("row_number", sa.BigInteger, primary_key=True),
    sa.Column("position", sa.SmallInteger, primary_key=True),
    sa.Column("field", sa.Text),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("zh", sa.Text, nullable=False),
    sa.Column("en", sa.Text, nullable=False),
)

foreign_issuers = sa.Table(
    "foreign_issuers",
    metadata,
    sa.Column("number", sa.Integer, sa.Identity(always=True), primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("entry", JSONB(none_as_null=True)),
    sa.Column("registered_at", _TIME, nullable=False),
    sa.Column("registered_by", sa.Text, nullable=False),
)

imported_certificates = sa.Table(
    "imported_certificates",
    metadata,
    sa.Column("department", sa.Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("jws_digest", sa.LargeBinary, nullable=False),
    sa.Column("identifier", sa.Text, nullable=False),
    sa.Column("sound", sa.Boolean, nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("kid", sa.Text, nullable=False),
    sa.Column("vct", sa.Text, nullable=False),
    sa.Column("holder_key", sa.LargeBinary, nullable=False),
    sa.Column("holder_id_type", sa.Text, nullable=False),
    sa.Column("holder_id", sa.Text, nullable=False),
    sa.Column("holder_name", sa.Text, nullable=False),
    sa.Column("fields", JSONB, nullable=False),
    sa.Column("valid_from", sa.Date),
    sa.Column("valid_until", sa.Date),
    sa.Column("status_uri", sa.Text),
    sa.Column("status_index", sa.BigInteger),
    sa.Column("credential", sa.Text, nullable=False),
    sa.Column("job", sa.Uuid, nullable=False),
    sa.Column("row_number", sa.BigInteger, nullable=False),
    sa.Column("imported_at", _TIME, nullable=False),
)
