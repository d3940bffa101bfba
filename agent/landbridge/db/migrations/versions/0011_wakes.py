"""Why devices slept, and what they did."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "wakes",
        sa.Column("device", sa.String(32), sa.ForeignKey("devices.device"), primary_key=True),
        sa.Column("boot", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("clock_min", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at_s", sa.Integer(), nullable=False),
        sa.Column("did", sa.Integer(), nullable=False),
        sa.Column("rest", sa.Integer(), nullable=False),
        sa.Column("joules", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
