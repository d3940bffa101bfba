"""Which event has cleared an alarm; whose a fence is."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Apply. Of alarms that are over nobody knows it; the fences there are hold for everybody, as before."""
    op.add_column("alarms", sa.Column("cleared_event", sa.Text()))
    op.add_column("fences", sa.Column("tenant", sa.Text()))
