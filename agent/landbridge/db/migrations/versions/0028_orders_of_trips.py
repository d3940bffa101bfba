"""What was ordered on a trip of a tenant ends with that trip."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

_TABLES = ("settings", "commands", "card_policies", "card_rollout_devices")
_OF_A_TENANT = """
given_by IN (SELECT 'token ' || name FROM tokens WHERE tenant IS NOT NULL)
AND result IS NULL AND cancelled_s IS NULL"""


def upgrade() -> None:
    """Apply. What tenants had set stays, as nobody knows it apart; their open commands end with the trip that
    is under way, and roll-outs have reached devices on it."""
    # By itself Alembic adds no column with a reference to a table of SQLite.
    kind = "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ADD COLUMN trip {kind} REFERENCES trips (trip)")
    for table in ("settings", "card_policies"):
        op.add_column(table, sa.Column("lasting", sa.Text()))
    _bind("commands", _OF_A_TENANT)
    _bind("card_rollout_devices", "true")


def _bind(table: str, those: str) -> None:
    running = f"SELECT trip FROM trips WHERE trips.device = {table}.device AND ended_s IS NULL"
    op.execute(f"UPDATE {table} SET trip = ({running}) WHERE {those}")
