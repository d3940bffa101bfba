"""Lines, what was learned of coverage along them, and the guides of devices."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "lines",
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("stations", sa.Text(), nullable=False),
        sa.Column("places_km", sa.Text(), nullable=False),
        sa.Column("added_s", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("line"),
    )
    op.create_table(
        "coverage",
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("tile", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plmn", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("good", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["line"], ["lines.line"]),
        sa.PrimaryKeyConstraint("line", "tile", "plmn"),
    )
    op.create_table(
        "guides",
        sa.Column("trip", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["trip"], ["trips.trip"]),
        sa.PrimaryKeyConstraint("trip"),
    )
    op.create_table(
        "guide_reports",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("in_use", sa.Integer(), nullable=False),
        sa.Column("coming", sa.Integer(), nullable=False),
        sa.Column("offset", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reported_s", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.device"]),
        sa.PrimaryKeyConstraint("device"),
    )
