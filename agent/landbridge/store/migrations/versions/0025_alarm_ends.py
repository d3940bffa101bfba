"""Which event has cleared an alarm."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0022"


def upgrade() -> None:
    """Apply. Of alarms that are over nobody knows it."""
    op.add_column("alarms", sa.Column("cleared_event", sa.Text()))
