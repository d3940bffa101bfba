"""Releases of the application, their roll-outs, and what devices say of them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "releases",
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("mpy", sa.Integer(), nullable=False),
        sa.Column("file_list", sa.LargeBinary(), nullable=False),
        sa.Column("added_s", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("board", "sequence"),
    )
    op.create_table(
        "release_files",
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("file", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["board", "sequence"], ["releases.board", "releases.sequence"]),
        sa.PrimaryKeyConstraint("board", "sequence", "file"),
    )
    op.create_table(
        "rollouts",
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("canaries", sa.Integer(), nullable=False),
        sa.Column("stage_s", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("stage_began_s", sa.Integer(), nullable=False),
        sa.Column("halted", sa.Text(), nullable=True),
        sa.Column("forgiven", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["board", "sequence"], ["releases.board", "releases.sequence"]),
        sa.PrimaryKeyConstraint("board", "sequence"),
    )
    op.create_table(
        "device_releases",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("on_trial", sa.Boolean(), nullable=False),
        sa.Column("reported_s", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.device"]),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_index("ix_device_releases_board", "device_releases", ["board"])
    op.create_table(
        "offers",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("offered_s", sa.Integer(), nullable=False),
        sa.Column("pulls", sa.Integer(), nullable=False),
        sa.Column("file", sa.Integer(), nullable=False),
        sa.Column("byte", sa.Integer(), nullable=False),
        sa.Column("ended", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["device"], ["devices.device"]),
        sa.PrimaryKeyConstraint("device", "sequence"),
    )
