"""Adds geofences."""

from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.core.names import checked
from landbridge.features.geofences import queries as geofences
from landbridge.tracking.geofences import Drawn


def add(connection: Connection, name: str, drawn: Drawn, tenant: str | None, now_s: int) -> int:
    """Add a geofence, for the trips of `tenant` only if that is given; return its number. `UserError` if
    there is one of that name."""
    there = geofences.find(connection, name, tenant)
    if there is not None:
        raise UserError(
            f"geofence {there.name} already exists; `landbridge geofences remove '{there.name}'` removes it",
            "name",
        )
    number = geofences.add(connection, name, drawn.geometry, drawn.radius_m, now_s)
    if tenant is not None:
        geofences.give_to(connection, number, checked(tenant, "tenant"))
    return number
