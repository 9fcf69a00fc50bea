"""The hub's tables: departments, certificates, cases, authorizations and the log."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE departments (
    code text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    registered_at timestamptz NOT NULL
);

CREATE TABLE systems (
    client_id text PRIMARY KEY,
    department text NOT NULL REFERENCES departments,
    name text NOT NULL,
    jwks jsonb NOT NULL,
    scopes text[] NOT NULL,
    registered_at timestamptz NOT NULL,
    disabled_at timestamptz
);

CREATE TABLE assertion_uses (
    client_id text NOT NULL REFERENCES systems,
    jti text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);
CREATE INDEX assertion_uses_expires_at ON assertion_uses (expires_at);

CREATE TABLE applicants (
    id uuid PRIMARY KEY,
    account text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    holder_id_type text NOT NULL,
    holder_id text NOT NULL,
    holder_name text NOT NULL,
    holder_key bytea NOT NULL,
    registered_at timestamptz NOT NULL,
    failed_sign_ins integer NOT NULL DEFAULT 0,
    locked_until timestamptz
);

CREATE TABLE governance (
    id smallint PRIMARY KEY CHECK (id = 1),
    revision bigint NOT NULL
);
INSERT INTO governance VALUES (1, 0);

CREATE TABLE policy_sets (
    version integer PRIMARY KEY,
    digest text NOT NULL,
    rules text NOT NULL,
    published_at timestamptz NOT NULL,
    published_by text NOT NULL
);

CREATE TABLE items (
    code text NOT NULL,
    version integer NOT NULL,
    digest text NOT NULL,
    definition jsonb NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (code, version)
);

CREATE TABLE status_lists (
    issuer text NOT NULL REFERENCES departments,
    number integer NOT NULL,
    allocated integer NOT NULL CHECK (allocated BETWEEN 0 AND 131072),
    PRIMARY KEY (issuer, number)
);

CREATE TABLE issue_batches (
    id uuid PRIMARY KEY,
    issuer text NOT NULL REFERENCES departments,
    type_code text NOT NULL,
    planned integer NOT NULL,
    intended_at timestamptz NOT NULL,
    pull uuid,
    done_at timestamptz
);

CREATE TABLE certificates (
    issuer text NOT NULL,
    type_code text NOT NULL,
    serial text NOT NULL,
    version smallint NOT NULL CHECK (version BETWEEN 1 AND 999),
    type_key text NOT NULL,
    type_version integer NOT NULL,
    identifier text NOT NULL,
    holder_key bytea NOT NULL,
    holder_id_type text NOT NULL,
    holder_id text NOT NULL,
    holder_name text NOT NULL,
    fields jsonb NOT NULL,
    valid_from date,
    valid_until date,
    issued_on date NOT NULL,
    issued_at timestamptz NOT NULL,
    status_list integer NOT NULL,
    status_index integer NOT NULL,
    source_key text NOT NULL,
    source_hash text NOT NULL,
    credential text NOT NULL,
    batch uuid NOT NULL,
    PRIMARY KEY (issuer, type_code, serial, version)
);
-- Random digests and signatures do not compress: trying costs a third of the time of issuing.
ALTER TABLE certificates ALTER COLUMN credential SET STORAGE EXTERNAL;
CREATE INDEX certificates_holder ON certificates (holder_key, type_key);

CREATE TABLE certificate_events (
    issuer text NOT NULL,
    type_code text NOT NULL,
    serial text NOT NULL,
    sequence integer NOT NULL CHECK (sequence >= 1),
    version smallint NOT NULL,
    operation text NOT NULL,
    state text NOT NULL,
    effective_at timestamptz NOT NULL,
    reason text NOT NULL,
    legal_ground text,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (issuer, type_code, serial, sequence)
);

CREATE TABLE status_changes (
    issuer text NOT NULL,
    number integer NOT NULL,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    index integer NOT NULL CHECK (index BETWEEN 0 AND 131071),
    value smallint NOT NULL CHECK (value BETWEEN 0 AND 3),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, number, sequence)
);

CREATE TABLE pulls (
    id uuid PRIMARY KEY,
    department text NOT NULL REFERENCES departments,
    register text NOT NULL,
    state text NOT NULL CHECK (state IN ('requested', 'running', 'done', 'held', 'failed')),
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    definition_digest text,
    source_digest text,
    received integer NOT NULL DEFAULT 0,
    issued integer NOT NULL DEFAULT 0,
    revised integer NOT NULL DEFAULT 0,
    unchanged integer NOT NULL DEFAULT 0,
    quarantined integer NOT NULL DEFAULT 0,
    failure_code text,
    failure_zh text,
    failure_en text
);
CREATE UNIQUE INDEX pulls_one_at_a_time ON pulls (register)
    WHERE state IN ('requested', 'running');

CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    department text NOT NULL REFERENCES departments,
    register text NOT NULL,
    row_number integer NOT NULL,
    content_hash text NOT NULL,
    rule text NOT NULL,
    column_name text NOT NULL,
    severity text NOT NULL,
    masked_value text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    first_pull uuid NOT NULL REFERENCES pulls,
    first_seen_at timestamptz NOT NULL,
    last_pull uuid NOT NULL REFERENCES pulls,
    last_seen_at timestamptz NOT NULL,
    UNIQUE (register, row_number, content_hash, rule, column_name)
);

CREATE TABLE cases (
    id uuid PRIMARY KEY,
    department text NOT NULL REFERENCES departments,
    system text NOT NULL REFERENCES systems,
    case_number text NOT NULL,
    item_code text NOT NULL,
    item_version integer NOT NULL,
    holder_id_type text NOT NULL,
    holder_key bytea NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'complete')),
    opened_at timestamptz NOT NULL,
    completed_at timestamptz,
    UNIQUE (department, case_number),
    FOREIGN KEY (item_code, item_version) REFERENCES items
);
CREATE INDEX cases_holder ON cases (holder_key);

CREATE TABLE materials (
    id uuid PRIMARY KEY,
    holder_key bytea NOT NULL,
    kind text NOT NULL,
    sha256 text NOT NULL,
    size integer NOT NULL,
    media_type text NOT NULL,
    file_name text NOT NULL,
    case_id uuid NOT NULL REFERENCES cases,
    given_at timestamptz NOT NULL,
    given_by text NOT NULL
);
CREATE INDEX materials_holder ON materials (holder_key, kind, given_at);

CREATE TABLE case_materials (
    case_id uuid NOT NULL REFERENCES cases,
    material text NOT NULL,
    how text NOT NULL CHECK (how IN ('certificate', 'shared', 'upload')),
    lookup uuid,
    material_id uuid REFERENCES materials,
    given_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, material)
);

CREATE TABLE authorizations (
    id uuid PRIMARY KEY,
    case_id uuid NOT NULL REFERENCES cases,
    department text NOT NULL REFERENCES departments,
    system text NOT NULL REFERENCES systems,
    item_code text NOT NULL,
    material text NOT NULL,
    holder_id_type text NOT NULL,
    holder_key bytea NOT NULL,
    basis text NOT NULL CHECK (basis IN ('holder', 'entrusted')),
    certificate_type text,
    material_kind text,
    fields text[] NOT NULL,
    uses_max integer NOT NULL CHECK (uses_max BETWEEN 1 AND 1000),
    uses_taken integer NOT NULL DEFAULT 0,
    valid_days integer NOT NULL CHECK (valid_days BETWEEN 1 AND 365),
    state text NOT NULL CHECK (state IN ('requested', 'granted', 'refused', 'withdrawn')),
    requested_at timestamptz NOT NULL,
    decided_at timestamptz,
    valid_from timestamptz,
    valid_until timestamptz,
    artefact text,
    CHECK (uses_taken BETWEEN 0 AND uses_max),
    CHECK ((certificate_type IS NULL) <> (material_kind IS NULL))
);
CREATE INDEX authorizations_holder ON authorizations (holder_key, requested_at);
CREATE INDEX authorizations_case ON authorizations (case_id);

CREATE TABLE authorization_uses (
    authorization_id uuid NOT NULL REFERENCES authorizations,
    use_number integer NOT NULL,
    lookup uuid NOT NULL,
    used_at timestamptz NOT NULL,
    PRIMARY KEY (authorization_id, use_number)
);

CREATE TABLE audit_records (
    index bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    kind text NOT NULL,
    subject bytea,
    leaf bytea NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX audit_records_subject ON audit_records (subject) WHERE subject IS NOT NULL;

CREATE TABLE audit_tiles (
    level smallint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (level, number)
);

CREATE TABLE audit_head (
    id smallint PRIMARY KEY CHECK (id = 1),
    size bigint NOT NULL,
    frontier bytea NOT NULL,
    root bytea NOT NULL,
    checkpoint text NOT NULL
);
"""

INSERT_ONLY = (
    "policy_sets", "items", "certificates", "certificate_events", "status_changes", "materials",
    "authorization_uses", "audit_records", "audit_tiles",
)  # fmt: skip
CHANGEABLE = (
    "departments", "systems", "assertion_uses", "applicants", "governance", "status_lists",
    "issue_batches", "pulls", "quarantine", "cases", "case_materials", "authorizations",
    "audit_head",
)  # fmt: skip
APPLICATION = "yici_app"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(f"GRANT USAGE ON SCHEMA public TO {APPLICATION}")
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(INSERT_ONLY)} TO {APPLICATION}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {', '.join(CHANGEABLE)} TO {APPLICATION}")
    op.execute(f"GRANT DELETE ON assertion_uses TO {APPLICATION}")
    op.execute(f"GRANT SELECT ON alembic_version TO {APPLICATION}")


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join((*INSERT_ONLY, *CHANGEABLE))} CASCADE")
