"""Up to which number the uplinks of a device are no longer known."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Apply. So far all are."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column(
        "devices", sa.Column("forgotten_number", number, nullable=False, server_default=sa.text("-1"))
    )
