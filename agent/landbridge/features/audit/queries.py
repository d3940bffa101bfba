"""The audit log as it is shown; every feature adds to it (db/audit.py)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from landbridge.db.tables import audit, trips


def newest(connection: Connection, before: int, most: int, tenant: str | None = None) -> Sequence[Row[Any]]:
    """The newest entries below the number `before`; of all, or what was done to devices while they were on
    trips of `tenant`."""
    statement = select(audit).where(audit.c.entry < before)
    if tenant is not None:
        of_trip = trips.c.tenant == tenant, trips.c.device == audit.c.device
        began = trips.c.started_s <= audit.c.at_s
        goes_on = trips.c.ended_s.is_(None) | (audit.c.at_s < trips.c.ended_s)
        statement = statement.where(exists().where(*of_trip, began, goes_on))
    return connection.execute(statement.order_by(audit.c.entry.desc()).limit(most)).all()
