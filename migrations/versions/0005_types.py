"""Certificate types as governed data: every published version of every type, for ever."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE certificate_types (
    key text NOT NULL,
    version integer NOT NULL CHECK (version BETWEEN 1 AND 9999),
    code text NOT NULL,
    digest text NOT NULL,
    definition text NOT NULL,
    metadata text NOT NULL,
    breaking boolean NOT NULL,
    changes jsonb NOT NULL,
    published_at timestamptz NOT NULL,
    published_by text NOT NULL,
    PRIMARY KEY (key, version)
);
"""
APPLICATION = "yici_app"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(f"GRANT SELECT, INSERT ON certificate_types TO {APPLICATION}")


def downgrade() -> None:
    op.execute("DROP TABLE certificate_types")
