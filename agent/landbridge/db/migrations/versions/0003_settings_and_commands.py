"""Settings by revision, what devices say of them, and commands."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _device() -> sa.Column[str]:
    return sa.Column("device", sa.String(32), sa.ForeignKey("devices.device"), primary_key=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "settings",
        _device(),
        sa.Column("revision", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_s", sa.Integer(), nullable=False),
    )
    op.create_table(
        "setting_reports",
        _device(),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("why", sa.Integer(), nullable=False),
        sa.Column("reported_s", sa.Integer(), nullable=False),
    )
    op.create_table(
        "commands",
        _device(),
        sa.Column("command", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("argument", sa.Integer(), nullable=False),
        sa.Column("expires_s", sa.Integer(), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("given_s", sa.Integer(), nullable=False),
        sa.Column("sent_s", sa.Integer()),
        sa.Column("cancelled_by", sa.Text()),
        sa.Column("cancelled_s", sa.Integer()),
        sa.Column("result", sa.Integer()),
        sa.Column("result_s", sa.Integer()),
    )
