"""The first tables: devices, trips, points, uplinks, dead letters, quarantine, outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "devices",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_s", sa.Integer(), nullable=False),
        sa.Column("next_down_number", sa.Integer(), nullable=False),
        sa.Column("window_top", sa.Integer(), nullable=False),
        sa.Column("window_bits", sa.Integer(), nullable=False),
        sa.Column("last_contact_s", sa.Integer(), nullable=True),
        sa.Column("next_contact_s", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("position_seq", sa.Integer(), nullable=True),
        sa.Column("position_at_s", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_table(
        "trips",
        sa.Column("trip", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("container", sa.String(length=11), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("started_s", sa.Integer(), nullable=False),
        sa.Column("ended_s", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["device"], ["devices.device"]),
        sa.PrimaryKeyConstraint("trip"),
    )
    op.create_index("ix_trips_device", "trips", ["device"])
    op.create_table(
        "points",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("quality", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("lat", sa.Integer(), nullable=True),
        sa.Column("lon", sa.Integer(), nullable=True),
        sa.Column("alt", sa.Integer(), nullable=True),
        sa.Column("speed", sa.Integer(), nullable=True),
        sa.Column("heading", sa.Integer(), nullable=True),
        sa.Column("hdop", sa.Integer(), nullable=True),
        sa.Column("sats", sa.Integer(), nullable=True),
        sa.Column("battery", sa.Integer(), nullable=False),
        sa.Column("temperature", sa.Integer(), nullable=False),
        sa.Column("plmn", sa.Integer(), nullable=False),
        sa.Column("tac", sa.Integer(), nullable=True),
        sa.Column("cell", sa.Integer(), nullable=True),
        sa.Column("rsrp", sa.Integer(), nullable=True),
        sa.Column("motion", sa.Integer(), nullable=False),
        sa.Column("at_s", sa.Integer(), nullable=True),
        sa.Column("dated", sa.Boolean(), nullable=False),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.Column("received_s", sa.Integer(), nullable=False),
        sa.Column("trip", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["device"], ["devices.device"]),
        sa.ForeignKeyConstraint(["trip"], ["trips.trip"]),
        sa.PrimaryKeyConstraint("device", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("points_undated", "points", ["device", "boot"], sqlite_where=sa.text("at_s IS NULL"))
    op.create_table(
        "uplinks",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("received_s", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("new_records", sa.Integer(), nullable=False),
        sa.Column("repeats", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.device"]),
        sa.PrimaryKeyConstraint("device", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dead_letters",
        sa.Column("letter", sa.Integer(), nullable=False),
        sa.Column("received_s", sa.Integer(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("letter"),
    )
    op.create_table(
        "quarantine",
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("received_s", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entry"),
    )
    op.create_index("ix_quarantine_device", "quarantine", ["device"])
    op.create_table(
        "outbox",
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("retain", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("message"),
        sqlite_autoincrement=True,
    )
