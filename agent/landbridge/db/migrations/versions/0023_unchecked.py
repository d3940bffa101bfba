"""PostgreSQL looks up no device and no trip for each point any more, and of the power-ons only those whose
points wait for a time are indexed."""

from alembic import op
from sqlalchemy import text

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Apply. SQLite has had the small index always, and its check costs nothing."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, name in (("points", "device"), ("points", "trip"), ("uplinks", "device")):
        op.drop_constraint(f"{table}_{name}_fkey", table, type_="foreignkey")
    op.drop_index("points_by_power_on", "points")
    op.create_index("points_by_power_on", "points", ["boot"], postgresql_where=text("quality = 0"))
