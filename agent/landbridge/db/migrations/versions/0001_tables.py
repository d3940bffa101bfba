"""All tables, as db/tables.py has them until the first release. Who adds the migration after that release
writes here what Alembic's `autogenerate` prints of the tables at the release: they no longer change."""

from alembic import op

from landbridge.db import audited
from landbridge.db.tables import UNCHECKED, metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    metadata.create_all(op.get_bind(), checkfirst=False)
    if op.get_bind().dialect.name == "postgresql":
        for table in UNCHECKED:
            for key in metadata.tables[table].foreign_keys:
                op.drop_constraint(f"{table}_{key.parent.name}_fkey", table, type_="foreignkey")
    audited.create(op.get_bind())
