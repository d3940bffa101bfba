"""The audit log: who did what, and when. Entries are never removed."""

from sqlalchemy import Connection, insert

from landbridge.core.texts import stored
from landbridge.db.tables import audit


def add(connection: Connection, who: str, what: str, now_s: int, device: str | None = None) -> None:
    """Add an entry: `who` did `what`, a message, to `device`, or to no single device."""
    connection.execute(insert(audit).values(at_s=now_s, who=who, device=device, what=stored(what)))
