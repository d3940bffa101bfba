"""What devices told of what went wrong."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.add_column("devices", sa.Column("counters", sa.Text(), server_default="{}", nullable=False))
    op.create_table(
        "device_log",
        sa.Column("device", sa.String(32), sa.ForeignKey("devices.device"), primary_key=True),
        sa.Column("boot", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("clock_s", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("value", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text()),
        sa.Column("at_s", sa.Integer()),
        sa.Column("received_s", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
