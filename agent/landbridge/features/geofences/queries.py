"""Geofences."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from landbridge.db.tables import geofences


def add(connection: Connection, name: str, geometry: str, radius_m: float, now_s: int) -> int:
    """Add a geofence, a GeoJSON geometry with a radius (0: an area); it applies from now on. Return its
    number."""
    values = {"name": name, "geometry": geometry, "radius_m": radius_m, "added_s": now_s}
    return int(
        connection.execute(insert(geofences).values(values).returning(geofences.c.geofence)).scalar_one()
    )


def named(connection: Connection, name: str) -> list[Row[Any]]:
    """Return the active geofences of that name, ignoring case, as a trip's destination finds them."""
    held = connection.execute(select(geofences).where(geofences.c.removed_s.is_(None)))
    found = [row for row in held if row.name.casefold() == name.casefold()]
    return sorted(found, key=lambda row: bool(row.name != name))


def find(connection: Connection, name: str, tenant: str | None) -> Row[Any] | None:
    """Return the active geofence that a new one of `tenant` would be taken for: one of its own, or of the
    operator's."""
    seen = (None, tenant)
    return next((row for row in named(connection, name) if row.tenant in seen), None)


def give_to(connection: Connection, geofence: int, tenant: str) -> None:
    """Restrict a geofence to the trips of `tenant`."""
    connection.execute(update(geofences).where(geofences.c.geofence == geofence).values(tenant=tenant))


def rename(connection: Connection, geofence: int, name: str) -> None:
    """Give a geofence another name."""
    connection.execute(update(geofences).where(geofences.c.geofence == geofence).values(name=name))


def numbered(connection: Connection, geofence: int) -> Row[Any] | None:
    """Return the geofence of that number."""
    return connection.execute(select(geofences).where(geofences.c.geofence == geofence)).one_or_none()


def remove(connection: Connection, geofence: int, now_s: int) -> None:
    """Remove a geofence; it no longer applies."""
    connection.execute(update(geofences).where(geofences.c.geofence == geofence).values(removed_s=now_s))


def every(connection: Connection) -> list[Row[Any]]:
    """Return all geofences in the order of their addition, removed ones included."""
    return list(connection.execute(select(geofences).order_by(geofences.c.geofence)))
