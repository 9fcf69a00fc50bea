"""Certificate life cycle: planned and past transitions.

``effective_at`` is NULL where an effect came with its row: what registers state by the hundred
thousand stays as small as it was.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

APPLICATION = "yici_app"

TABLES = """
ALTER TABLE certificates ADD COLUMN effective_at timestamptz;
-- A row of up to a page stays whole: a second place for the credential costs a third of the time of
-- issuing, and every reader of it a second fetch.
ALTER TABLE certificates SET (toast_tuple_target = 8160);

ALTER TABLE certificate_events
    ADD COLUMN reason_code text NOT NULL DEFAULT 'as-registered',
    ADD COLUMN withdraws integer,
    ADD COLUMN related text,
    ADD COLUMN statement text,
    DROP CONSTRAINT certificate_events_sequence_check,
    ADD CONSTRAINT certificate_events_sequence_check CHECK (sequence >= 0);

ALTER TABLE status_changes ADD COLUMN effective_at timestamptz;
CREATE INDEX status_changes_planned ON status_changes (issuer, number, effective_at)
    WHERE effective_at IS NOT NULL;

CREATE TABLE published_lists (
    issuer text NOT NULL,
    number integer NOT NULL,
    issued_at timestamptz NOT NULL,
    sequence bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    token text NOT NULL,
    PRIMARY KEY (issuer, number, issued_at, sequence),
    FOREIGN KEY (issuer, number) REFERENCES status_lists
);

CREATE TABLE certificate_requests (
    department text NOT NULL REFERENCES departments,
    request text NOT NULL,
    digest bytea NOT NULL,
    act text NOT NULL,
    requested_by text NOT NULL,
    intended_at timestamptz NOT NULL,
    issuer text NOT NULL,
    type_code text NOT NULL,
    serial text NOT NULL,
    batch uuid,
    status_list integer,
    status_index integer,
    done_at timestamptz,
    version smallint,
    sequence integer,
    PRIMARY KEY (department, request)
);
"""

UNDO = """
DROP TABLE certificate_requests, published_lists;
DROP INDEX status_changes_planned;
ALTER TABLE status_changes DROP COLUMN effective_at;
DELETE FROM certificate_events WHERE sequence = 0;
ALTER TABLE certificate_events
    DROP CONSTRAINT certificate_events_sequence_check,
    ADD CONSTRAINT certificate_events_sequence_check CHECK (sequence >= 1),
    DROP COLUMN reason_code,
    DROP COLUMN withdraws,
    DROP COLUMN related,
    DROP COLUMN statement;
ALTER TABLE certificates RESET (toast_tuple_target);
ALTER TABLE certificates DROP COLUMN effective_at;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(f"GRANT SELECT, INSERT ON published_lists TO {APPLICATION}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON certificate_requests TO {APPLICATION}")


def downgrade() -> None:
    op.execute(UNDO)
