"""The registry of signing keys, the root that certifies them, and its revocation lists."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE root_certificates (
    sequence integer PRIMARY KEY CHECK (sequence >= 1),
    certificate bytea NOT NULL,
    place text NOT NULL CHECK (place IN ('file', 'pkcs11', 'elsewhere')),
    label text NOT NULL,
    registered_at timestamptz NOT NULL,
    registered_by text NOT NULL
);

CREATE TABLE signing_keys (
    kid text PRIMARY KEY,
    -- A department's code, or which of the hub's own keys it is.
    owner text NOT NULL CHECK (owner ~ '^[0-9A-Z]{18}$' OR owner IN ('answers', 'tokens')),
    jwk jsonb NOT NULL,
    place text NOT NULL CHECK (place IN ('file', 'pkcs11')),
    label text NOT NULL,
    -- Unknown for a key that was found in a folder.
    made_at timestamptz,
    registered_at timestamptz NOT NULL,
    registered_by text NOT NULL,
    UNIQUE (place, label)
);

CREATE TABLE signing_key_events (
    kid text NOT NULL REFERENCES signing_keys,
    sequence integer NOT NULL CHECK (sequence >= 1),
    event text NOT NULL CHECK (event IN ('activated', 'retired', 'compromised', 'cut-off')),
    effective_at timestamptz NOT NULL,
    reason text NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (kid, sequence)
);

CREATE TABLE key_certificates (
    kid text NOT NULL REFERENCES signing_keys,
    sequence integer NOT NULL CHECK (sequence >= 1),
    root integer NOT NULL REFERENCES root_certificates,
    certificate bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (kid, sequence)
);

CREATE TABLE revocation_lists (
    root integer NOT NULL REFERENCES root_certificates,
    number bigint NOT NULL CHECK (number >= 1),
    crl bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (root, number)
);
"""

INSERT_ONLY = (
    "root_certificates", "signing_keys", "signing_key_events", "key_certificates",
    "revocation_lists",
)  # fmt: skip
APPLICATION = "yici_app"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(INSERT_ONLY)} TO {APPLICATION}")


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join(INSERT_ONLY)} CASCADE")
