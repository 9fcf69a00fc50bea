"""Sealed files and annotated copies."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

TABLES = """
CREATE TABLE documents (
    id uuid PRIMARY KEY,
    issuer text NOT NULL,
    type_code text NOT NULL,
    serial text NOT NULL,
    version smallint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('original', 'annotated')),
    -- SHA-256 of the credential inside: one that was signed anew gets a file of its own.
    credential text NOT NULL,
    kid text NOT NULL,
    sha256 text NOT NULL,
    size integer NOT NULL CHECK (size > 0),
    media_type text NOT NULL,
    made_at timestamptz NOT NULL,
    retain_until timestamptz NOT NULL,
    -- Of an annotated copy: for whom, by which lookup, for which case, why, until when.
    department text REFERENCES departments,
    system text REFERENCES systems,
    lookup uuid,
    case_number text,
    reason text,
    valid_until date,
    FOREIGN KEY (issuer, type_code, serial, version) REFERENCES certificates,
    CHECK ((kind = 'annotated') = (department IS NOT NULL)),
    CHECK ((kind = 'annotated') = (system IS NOT NULL)),
    CHECK ((kind = 'annotated') = (lookup IS NOT NULL)),
    CHECK ((kind = 'annotated') = (reason IS NOT NULL)),
    CHECK ((kind = 'annotated') = (valid_until IS NOT NULL))
);
CREATE UNIQUE INDEX documents_originals
    ON documents (issuer, type_code, serial, version, credential) WHERE kind = 'original';
CREATE UNIQUE INDEX documents_copies
    ON documents (issuer, type_code, serial, version, lookup, valid_until, reason)
    WHERE kind = 'annotated';
-- Stores list names byte by byte, and the rows are read in the same order.
CREATE INDEX documents_sha256 ON documents (sha256 COLLATE "C");
CREATE INDEX materials_sha256 ON materials (sha256 COLLATE "C");
"""

APPLICATION = "yici_app"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(f"GRANT SELECT, INSERT ON documents TO {APPLICATION}")


def downgrade() -> None:
    op.execute("DROP INDEX materials_sha256")
    op.execute("DROP TABLE documents")
