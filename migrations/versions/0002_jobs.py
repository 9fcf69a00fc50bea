"""The job queue's own tables, in a schema of their own."""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE SCHEMA jobs")
    op.execute("SET LOCAL search_path TO jobs")
    # The text holds percent signs and colons, which only the driver itself leaves alone.
    cursor = op.get_bind().connection.cursor()
    cursor.execute(SchemaManager.get_schema())
    cursor.execute("SET LOCAL search_path TO public")
    cursor.execute(
        "GRANT USAGE ON SCHEMA jobs TO yici_app;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA jobs TO yici_app;"
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA jobs TO yici_app;"
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA jobs TO yici_app"
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA jobs CASCADE")
