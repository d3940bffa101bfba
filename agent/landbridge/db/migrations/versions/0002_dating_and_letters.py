"""Points that a clock dates are found by power-on; dead letters of a topic are limited."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.drop_index("points_undated", "points")
    where = sa.text("quality = 0")
    op.create_index("points_by_power_on", "points", ["boot"], sqlite_where=where)
    dropped = sa.Column("dropped", sa.Integer(), server_default=sa.text("0"), nullable=False)
    op.add_column("dead_letters", dropped)
    op.create_index("ix_dead_letters_topic", "dead_letters", ["topic"])
