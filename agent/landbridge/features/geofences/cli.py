"""`landbridge geofences`: manage geofences."""

from pathlib import Path

import typer

from landbridge.core import files, table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.names import is_of, only
from landbridge.db.opened import opened
from landbridge.features.geofences import queries as geofences
from landbridge.features.geofences import rules
from landbridge.tracking.geofences import from_row, read

_NAME = typer.Argument(help="Name of the geofence; case is ignored.")
_FILE = typer.Argument(
    help="GeoJSON file, one geometry or feature: Point, LineString or MultiLineString with a radius,"
    " Polygon or MultiPolygon without."
)
_OWNER = typer.Option(
    None, "--tenant", help="Its tenant, or operator; needed if the name exists more than once."
)
commands = typer.Typer(help="Manage geofences")


@commands.command()
def add(
    name: str = _NAME,
    file: Path = _FILE,
    radius: float | None = typer.Option(
        None,
        help="Metres around a point or to each side of a line, 50 to 500000; default: property radius_m.",
    ),
    tenant: str | None = typer.Option(
        None, help="Only for trips of this tenant; default: all trips, and devices without a trip."
    ),
) -> None:
    """Add a geofence

    It applies to points taken from now on. A trip ends when the container stops in the geofence with the
    name of its destination.

    \b
    Examples:
      landbridge geofences add Duisburg terminal.geojson --radius 1500
      landbridge geofences add "Ural corridor" line.geojson --radius 5000
      landbridge geofences add Warehouse warehouse.geojson --tenant acme
    """
    drawn = read(files.text(file), radius, str(file))
    with opened() as it, it.database.writing() as connection:
        number = rules.add(connection, name, drawn, tenant, it.clock.now_s())
    print(f"geofence {number}: {name}")


@commands.command("list")
def list_geofences() -> None:
    """List all geofences, including removed ones

    \b
    Example:
      landbridge geofences list
    """
    with opened() as it, it.database.reading() as connection:
        rows = geofences.every(connection)
    table.show(
        ("geofence", "name", "shape", "radius m", "added", "removed", "tenant"),
        (
            (
                row.geofence, row.name, from_row(row).shape.geom_type, round(row.radius_m) or None,
                iso(row.added_s), iso(row.removed_s), row.tenant,
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command()
def remove(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Remove a geofence

    It no longer applies to new points. Its past events remain.

    \b
    Example:
      landbridge geofences remove Duisburg
    """
    with opened() as it, it.database.writing() as connection:
        rows = [row for row in geofences.named(connection, name) if is_of(row.tenant, tenant)]
        if not rows:
            raise UserError(f"no geofence {name}; `landbridge geofences list` lists them")
        row = only(rows, name)
        geofences.remove(connection, row.geofence, it.clock.now_s())
    print(f"geofence {row.name} is removed")
