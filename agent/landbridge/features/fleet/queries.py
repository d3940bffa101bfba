"""Saved views of the fleet's list."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from landbridge.db.tables import saved_views

MOST = 50
"""Views of one owner."""


def of_owner(connection: Connection, owner: str) -> list[Row[Any]]:
    """Return the views of one owner, by name."""
    mine = select(saved_views).where(saved_views.c.owner == owner)
    return list(connection.execute(mine.order_by(saved_views.c.name, saved_views.c.view)))


def save(connection: Connection, owner: str, name: str, query: str) -> int:
    """Store a view in place of the owner's view of that name; return its number."""
    same = saved_views.c.owner == owner, saved_views.c.name == name
    connection.execute(delete(saved_views).where(*same))
    values = {"owner": owner, "name": name, "query": query}
    return int(
        connection.execute(insert(saved_views).values(values).returning(saved_views.c.view)).scalar_one()
    )


def remove(connection: Connection, owner: str, view: int) -> bool:
    """Remove a view of the owner; return whether there was one."""
    mine = delete(saved_views).where(saved_views.c.owner == owner, saved_views.c.view == view)
    return connection.execute(mine).rowcount == 1
