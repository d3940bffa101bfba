"""What reports cost over each network of a line."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "network_costs",
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("plmn", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["line"], ["lines.line"]),
        sa.PrimaryKeyConstraint("line", "plmn"),
    )
