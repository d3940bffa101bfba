"""Targets that take messages from the outbox, each at its own pace; whose an event and a message is."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

Integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    for name, kind in (("tenant", sa.Text()), ("device", sa.String(32)), ("what", sa.String(16))):
        op.add_column("outbox", sa.Column(name, kind))
    op.create_table(
        "targets",
        sa.Column("target", Integer, primary_key=True),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text()),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("wrapped_secret", sa.LargeBinary()),
        sa.Column("cursor", Integer, nullable=False),
        sa.Column("delivered", Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("delivered_s", Integer),
        sa.Column("failure", sa.Text()),
        sa.Column("failed_s", Integer),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.Column("removed_by", sa.Text()),
        sa.Column("removed_s", Integer),
    )
    op.create_table(
        "refusals",
        sa.Column("target", Integer, sa.ForeignKey("targets.target"), primary_key=True),
        sa.Column("device", sa.String(32), primary_key=True),
        sa.Column("message", Integer, nullable=False),
        sa.Column("tries", Integer, nullable=False),
        sa.Column("next_s", Integer, nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
    )
    op.add_column("events", sa.Column("tenant", sa.Text()))
    op.add_column("events", sa.Column("replaces", Integer))
    op.create_index("events_by_tenant", "events", ["tenant", "event"])
    op.execute("UPDATE events SET tenant = (SELECT trips.tenant FROM trips WHERE trips.trip = events.trip)")
