"""The present epoch of each device's keys, and how many messages were forged in it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    for name in ("epoch", "forged"):
        op.add_column("devices", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
