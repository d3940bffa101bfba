"""When a device was last told to stand where its latest position is."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Apply."""
    op.add_column("devices", sa.Column("still_s", sa.BigInteger().with_variant(sa.Integer(), "sqlite")))
