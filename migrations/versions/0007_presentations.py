"""Copies bound to a holder's key, one-time codes, and guesses that were wrong."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE TABLE bound_copies (
    id uuid PRIMARY KEY,
    issuer text NOT NULL,
    type_code text NOT NULL,
    serial text NOT NULL,
    version smallint NOT NULL,
    holder_key bytea NOT NULL,
    key_thumbprint text NOT NULL,
    jws_digest bytea NOT NULL UNIQUE,
    kid text NOT NULL,
    -- Each nonce binds one copy: a second use of the same proof breaks this.
    nonce_hash bytea NOT NULL UNIQUE,
    made_at timestamptz NOT NULL,
    FOREIGN KEY (issuer, type_code, serial, version) REFERENCES certificates
);
CREATE INDEX bound_copies_holder ON bound_copies (holder_key, made_at);

CREATE TABLE presentations (
    id uuid PRIMARY KEY,
    code_hash bytea NOT NULL UNIQUE,
    holder_key bytea NOT NULL,
    identifier text NOT NULL,
    certificate_type text NOT NULL,
    fields text[] NOT NULL CHECK (cardinality(fields) > 0),
    audience text REFERENCES departments,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'used', 'withdrawn')),
    ended_at timestamptz,
    lookup uuid,
    used_by text REFERENCES departments,
    CHECK ((state = 'open') = (ended_at IS NULL)),
    CHECK ((state = 'used') = (lookup IS NOT NULL AND used_by IS NOT NULL))
);
CREATE INDEX presentations_holder ON presentations (holder_key, id);

CREATE TABLE wrong_guesses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    caller text NOT NULL,
    about text NOT NULL,
    guessed_at timestamptz NOT NULL
);
CREATE INDEX wrong_guesses_caller ON wrong_guesses (caller, about, guessed_at);
"""

INSERT_ONLY = ("bound_copies", "wrong_guesses")
APPLICATION = "yici_app"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(INSERT_ONLY)}, presentations TO {APPLICATION}")
    # What a holder chose stays as it was chosen; a code only ends, one way or the other.
    op.execute(f"GRANT UPDATE (state, ended_at, lookup, used_by) ON presentations TO {APPLICATION}")


def downgrade() -> None:
    op.execute("DROP TABLE bound_copies, presentations, wrong_guesses")
