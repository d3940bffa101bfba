"""How large an uplink was, which stays known when it is no longer kept."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Apply. Of uplinks that are not kept any more nobody knows it."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("uplinks", sa.Column("bytes", whole, nullable=False, server_default=sa.text("0")))
    op.execute("UPDATE uplinks SET bytes = length(payload)")
