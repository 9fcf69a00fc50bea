"""The log as it is published, searched and witnessed.

From here on the log's entries are commitments with a random nonce. A log that was begun before
has signed other leaves: nothing could prove it any more, so it is not silently taken over.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

REFUSE_RECORDS = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM audit_records) THEN
        RAISE EXCEPTION USING
            MESSAGE = 'the audit log already holds records of another format; '
                '已有其他格式的审计记录',
            HINT = 'Export and keep that log, then begin with an empty database. '
                '请先导出并保存该日志，再使用空数据库。';
    END IF;
END $$
"""

UP = """
DELETE FROM audit_head;
ALTER TABLE audit_records
    ADD COLUMN nonce bytea NOT NULL CHECK (length(nonce) = 16),
    ADD COLUMN department text,
    ADD COLUMN system text,
    ADD COLUMN operator text,
    ADD COLUMN case_number text,
    ADD COLUMN lookup text;
DROP INDEX audit_records_subject;
CREATE INDEX audit_records_subject ON audit_records (subject, index) WHERE subject IS NOT NULL;
CREATE INDEX audit_records_case ON audit_records (case_number, index)
    WHERE case_number IS NOT NULL;
CREATE INDEX audit_records_operator ON audit_records (operator, index)
    WHERE operator IS NOT NULL;
CREATE INDEX audit_records_lookup ON audit_records (lookup, index) WHERE lookup IS NOT NULL;
CREATE INDEX audit_records_recorded_at ON audit_records USING brin (recorded_at);
"""

DOWN = """
DROP INDEX audit_records_subject, audit_records_case, audit_records_operator,
    audit_records_lookup, audit_records_recorded_at;
CREATE INDEX audit_records_subject ON audit_records (subject) WHERE subject IS NOT NULL;
ALTER TABLE audit_records
    DROP COLUMN nonce, DROP COLUMN department, DROP COLUMN system, DROP COLUMN operator,
    DROP COLUMN case_number, DROP COLUMN lookup;
"""

WITNESSING = """
CREATE TABLE audit_cosigned (
    size bigint NOT NULL CHECK (size >= 0),
    cosigned_at timestamptz NOT NULL,
    checkpoint text NOT NULL,
    PRIMARY KEY (size, cosigned_at)
);
CREATE INDEX audit_cosigned_newest ON audit_cosigned (cosigned_at);

CREATE TABLE audit_alarms (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL,
    witness text NOT NULL,
    size bigint NOT NULL,
    witnessed_size bigint,
    checkpoint text NOT NULL,
    raised_at timestamptz NOT NULL
);
CREATE INDEX audit_alarms_raised_at ON audit_alarms (raised_at);

CREATE TABLE witnessed_logs (
    origin text PRIMARY KEY,
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    checkpoint text NOT NULL,
    witnessed_at timestamptz NOT NULL
);

CREATE TABLE witness_refusals (
    origin text NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    reason text NOT NULL,
    checkpoint text NOT NULL,
    witnessed text NOT NULL,
    refused_at timestamptz NOT NULL,
    PRIMARY KEY (origin, size, root, reason)
);
"""

INSERT_ONLY = ("audit_cosigned", "audit_alarms", "witness_refusals")
CHANGEABLE = ("witnessed_logs",)
APPLICATION = "yici_app"


def upgrade() -> None:
    op.execute(REFUSE_RECORDS)
    op.execute(UP)
    op.execute(WITNESSING)
    op.execute(f"GRANT SELECT, INSERT ON {', '.join(INSERT_ONLY)} TO {APPLICATION}")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {', '.join(CHANGEABLE)} TO {APPLICATION}")


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join((*INSERT_ONLY, *CHANGEABLE))}")
    op.execute(REFUSE_RECORDS)
    op.execute(DOWN)
