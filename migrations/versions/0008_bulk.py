"""Bulk jobs and imported certificates."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = """
CREATE TABLE bulk_files (
    department text NOT NULL REFERENCES departments,
    sha256 text NOT NULL,
    size bigint NOT NULL,
    received_at timestamptz NOT NULL,
    received_by text NOT NULL,
    PRIMARY KEY (department, sha256)
);

CREATE TABLE bulk_jobs (
    id uuid PRIMARY KEY,
    department text NOT NULL REFERENCES departments,
    kind text NOT NULL CHECK (kind IN ('issue', 'resign', 'end', 'export', 'import')),
    type_key text,
    file text,
    parameters jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'stopped', 'failed')),
    requested_by text NOT NULL,
    requester_kind text NOT NULL,
    requester_key text,
    scopes text[] NOT NULL,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    taken_up_at timestamptz,
    progress_at timestamptz,
    finished_at timestamptz,
    stop_requested_at timestamptz,
    total bigint,
    done bigint NOT NULL DEFAULT 0,
    done_before bigint NOT NULL DEFAULT 0,
    chunks integer NOT NULL DEFAULT 0,
    cursor jsonb,
    counts jsonb NOT NULL DEFAULT '{}',
    failure_code text,
    failure_zh text,
    failure_en text,
    FOREIGN KEY (department, file) REFERENCES bulk_files (department, sha256)
);
CREATE INDEX bulk_jobs_department ON bulk_jobs (department, requested_at);
CREATE INDEX bulk_jobs_unfinished ON bulk_jobs (requested_at)
    WHERE state IN ('waiting', 'running');

CREATE TABLE bulk_chunks (
    job uuid NOT NULL REFERENCES bulk_jobs,
    number integer NOT NULL CHECK (number >= 1),
    rows integer NOT NULL,
    counts jsonb NOT NULL,
    digest bytea NOT NULL,
    committed_at timestamptz NOT NULL,
    PRIMARY KEY (job, number)
);

CREATE TABLE bulk_objects (
    job uuid NOT NULL REFERENCES bulk_jobs,
    name text NOT NULL,
    sha256 text NOT NULL,
    size bigint NOT NULL,
    media_type text NOT NULL,
    PRIMARY KEY (job, name)
);

CREATE TABLE bulk_refusals (
    job uuid NOT NULL REFERENCES bulk_jobs,
    row_number bigint NOT NULL,
    position smallint NOT NULL,
    field text,
    rule text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    PRIMARY KEY (job, row_number, position)
);

CREATE TABLE resigned_credentials (
    issuer text NOT NULL,
    type_code text NOT NULL,
    serial text NOT NULL,
    version smallint NOT NULL,
    sequence integer NOT NULL CHECK (sequence >= 1),
    credential text NOT NULL,
    kid text NOT NULL,
    job uuid NOT NULL REFERENCES bulk_jobs,
    signed_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, type_code, serial, version, sequence),
    UNIQUE (issuer, type_code, serial, version, job),
    FOREIGN KEY (issuer, type_code, serial, version) REFERENCES certificates
);
ALTER TABLE resigned_credentials ALTER COLUMN credential SET STORAGE EXTERNAL;

CREATE TABLE foreign_issuers (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issuer text NOT NULL,
    entry jsonb,
    registered_at timestamptz NOT NULL,
    registered_by text NOT NULL
);
CREATE INDEX foreign_issuers_issuer ON foreign_issuers (issuer, number);

CREATE TABLE imported_certificates (
    department text NOT NULL REFERENCES departments,
    digest bytea NOT NULL,
    jws_digest bytea NOT NULL,
    identifier text NOT NULL,
    sound boolean NOT NULL,
    issuer text NOT NULL,
    kid text NOT NULL,
    vct text NOT NULL,
    holder_key bytea NOT NULL,
    holder_id_type text NOT NULL,
    holder_id text NOT NULL,
    holder_name text NOT NULL,
    fields jsonb NOT NULL,
    valid_from date,
    valid_until date,
    status_uri text,
    status_index bigint,
    credential text NOT NULL,
    job uuid NOT NULL REFERENCES bulk_jobs,
    row_number bigint NOT NULL,
    imported_at timestamptz NOT NULL,
    PRIMARY KEY (department, digest)
);
ALTER TABLE imported_certificates ALTER COLUMN credential SET STORAGE EXTERNAL;
CREATE INDEX imported_certificates_jws ON imported_certificates (jws_digest);
CREATE INDEX imported_certificates_holder ON imported_certificates (department, holder_key);
"""

INSERT_ONLY = (
    "bulk_files", "bulk_chunks", "bulk_objects", "bulk_refusals", "resigned_credentials",
    "foreign_issuers", "imported_certificates",
)  # fmt: skip
APPLICATION = "yici_app"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(INSERT_ONLY)} TO {APPLICATION}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON bulk_jobs TO {APPLICATION}")


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join((*INSERT_ONLY, 'bulk_jobs'))} CASCADE")
