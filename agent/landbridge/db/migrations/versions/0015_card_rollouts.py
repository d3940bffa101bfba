"""Profiles of cards in stages; what was used of the data of each profile; notifications of eUICCs."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "card_rollouts",
        sa.Column("rollout", sa.Integer(), primary_key=True),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("canaries", sa.Integer(), nullable=False),
        sa.Column("stage_s", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("stage_began_s", sa.Integer(), nullable=False),
        sa.Column("halted", sa.Text()),
        sa.Column("forgiven", sa.Integer(), nullable=False),
        sa.Column("begun_by", sa.Text(), nullable=False),
        sa.Column("begun_s", sa.Integer(), nullable=False),
    )
    op.create_table(
        "card_rollout_devices",
        sa.Column("rollout", sa.Integer(), sa.ForeignKey("card_rollouts.rollout"), primary_key=True),
        sa.Column("device", sa.String(32), sa.ForeignKey("devices.device"), primary_key=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Text()),
    )
    op.create_table(
        "card_notifications",
        sa.Column("notification", sa.Integer(), primary_key=True),
        sa.Column("device", sa.String(32), sa.ForeignKey("devices.device"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("operation", sa.Integer(), nullable=False),
        sa.Column("iccid", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("received_s", sa.Integer(), nullable=False),
    )
    op.create_index("ix_card_notifications_device", "card_notifications", ["device"])
    op.add_column(
        "card_reports", sa.Column("month", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("card_reports", sa.Column("used_kb", sa.Text(), server_default="[]", nullable=False))
