"""Alarms; classes of cards, the register of cards, and what became of their controls; cells."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

Integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alarms",
        sa.Column("alarm", Integer, primary_key=True),
        sa.Column("device", sa.String(32), sa.ForeignKey("devices.device"), nullable=False),
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("trip", Integer, sa.ForeignKey("trips.trip")),
        sa.Column("tenant", sa.Text()),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("raised_s", Integer, nullable=False),
        sa.Column("last_s", Integer, nullable=False),
        sa.Column("times", Integer, nullable=False),
        sa.Column("told_s", Integer, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("acknowledged_s", Integer),
        sa.Column("note", sa.Text()),
        sa.Column("cleared_by", sa.Text()),
        sa.Column("cleared_s", Integer),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alarms_event", "alarms", ["event"])
    op.create_index("alarms_by_device", "alarms", ["device", "name"])
    op.create_table(
        "control_classes",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_s", Integer, nullable=False),
    )
    op.create_table(
        "sim_cards",
        sa.Column("card", Integer, primary_key=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("class", sa.String(32), sa.ForeignKey("control_classes.name"), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("imsis", sa.Text(), nullable=False),
        sa.Column("binding", sa.String(16), nullable=False),
        sa.Column("imei", sa.Text()),
        sa.Column("blocked", sa.Text()),
    )
    op.create_index("ix_sim_cards_imei", "sim_cards", ["imei"])
    op.create_table(
        "sim_profiles",
        sa.Column("iccid", sa.String(20), primary_key=True),
        sa.Column("card", Integer, sa.ForeignKey("sim_cards.card"), nullable=False),
    )
    op.create_index("ix_sim_profiles_card", "sim_profiles", ["card"])
    op.create_table(
        "card_actions",
        sa.Column("action", Integer, primary_key=True),
        sa.Column("card", Integer, sa.ForeignKey("sim_cards.card"), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column("done_s", Integer, nullable=False),
    )
    op.create_index("ix_card_actions_card", "card_actions", ["card"])
    op.create_table(
        "control_states",
        sa.Column("device", sa.String(32), sa.ForeignKey("devices.device"), primary_key=True),
        sa.Column("control", sa.String(16), primary_key=True),
        sa.Column("broken", sa.Boolean(), nullable=False),
        sa.Column("at_s", Integer, nullable=False),
    )
    op.create_table(
        "cells",
        *(
            sa.Column(name, Integer, primary_key=True, autoincrement=False)
            for name in ("plmn", "tac", "cell")
        ),
        sa.Column("listed", sa.Boolean(), primary_key=True),
        *(sa.Column(name, Integer, nullable=False) for name in ("south", "north", "west", "east", "range_m")),
        sqlite_with_rowid=False,
    )
