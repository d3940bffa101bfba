"""Up to where nothing is missing of a device, and what is gone for good."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    complete = sa.Column("complete_seq", sa.Integer(), server_default=sa.text("0"), nullable=False)
    op.add_column("devices", complete)
    op.create_table(
        "gone",
        sa.Column("device", sa.String(32), sa.ForeignKey("devices.device"), primary_key=True),
        sa.Column("low", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("high", sa.Integer(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
