"""Alarms that stand are found without those that are over."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Apply."""
    standing = sa.text("cleared_s IS NULL")
    op.create_index(
        "alarms_that_stand", "alarms", ["severity"], sqlite_where=standing, postgresql_where=standing
    )
