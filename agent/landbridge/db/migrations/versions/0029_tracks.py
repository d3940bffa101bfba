"""What went to the topics of tracks, under its number."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Apply."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "tracks",
        sa.Column("message", number, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("sequences", sa.Text(), nullable=False),
    )
    op.create_index("tracks_by_tenant", "tracks", ["tenant", "message"])
