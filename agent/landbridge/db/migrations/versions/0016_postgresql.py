"""The highest sequence that is stored of a device. On PostgreSQL integers get the 64 bits that they have in
SQLite anyway, but what a record holds only as many as it needs."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_AS_IT_IS = ("events", "boot", "lat", "lon", "tac")
_SMALL = (
    "kind", "quality", "alt", "speed", "heading", "hdop", "sats", "battery", "temperature", "rsrp", "motion",
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "devices", sa.Column("highest_seq", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    highest = "SELECT coalesce(max(seq), 0) FROM points WHERE points.device = devices.device"
    op.execute(f"UPDATE devices SET highest_seq = ({highest})")
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    inspector = sa.inspect(connection)
    for table in inspector.get_table_names():
        narrow = [each for each in inspector.get_columns(table) if type(each["type"]) is sa.INTEGER]
        for column in narrow:
            if table == "points" and column["name"] in _AS_IT_IS:
                continue
            is_small = table == "points" and column["name"] in _SMALL
            op.alter_column(table, column["name"], type_=sa.SmallInteger() if is_small else sa.BigInteger())
            if "nextval" in str(column["default"]):
                sequence = f"pg_get_serial_sequence('{table}', '{column['name']}')"
                name = connection.execute(sa.text(f"SELECT {sequence}")).scalar_one()
                op.execute(f"ALTER SEQUENCE {name} AS bigint")
