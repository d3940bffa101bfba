"""Journeys: events, fences, states of the pass, and what a trip is known by."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    op.add_column("devices", sa.Column("journey_from_s", sa.Integer()))
    op.add_column("devices", sa.Column("silent_due_s", sa.Integer()))
    op.create_index(
        "devices_to_work_out",
        "devices",
        ["journey_from_s"],
        sqlite_where=sa.text("journey_from_s IS NOT NULL"),
        postgresql_where=sa.text("journey_from_s IS NOT NULL"),
    )
    op.add_column("trips", sa.Column("by_arrival", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("trips", sa.Column("customer", sa.Text(), server_default="{}", nullable=False))
    op.add_column("trips", sa.Column("tags", sa.Text(), server_default="[]", nullable=False))
    op.add_column("trips", sa.Column("expected", sa.Text()))
    op.create_table(
        "events",
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("inferred", sa.Boolean(), nullable=False),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.Column("trip", sa.Integer()),
        sa.Column("seq", sa.Integer()),
        sa.Column("at_s", sa.Integer()),
        sa.Column("told_s", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.device"]),
        sa.ForeignKeyConstraint(["trip"], ["trips.trip"]),
        sa.PrimaryKeyConstraint("event"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_device", "events", ["device", "event"])
    op.create_index("events_by_point", "events", ["device", "at_s", "seq"])
    op.create_index("ix_events_id", "events", ["id"])
    op.create_index("ix_events_trip", "events", ["trip"])
    op.create_table(
        "journey_states",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("at_s", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.device"]),
        sa.PrimaryKeyConstraint("device", "at_s", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fences",
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("geometry", sa.Text(), nullable=False),
        sa.Column("radius_m", sa.Float(), nullable=False),
        sa.Column("added_s", sa.Integer(), nullable=False),
        sa.Column("removed_s", sa.Integer()),
        sa.PrimaryKeyConstraint("fence"),
    )
