"""`landbridge fences`: places that matter."""

from pathlib import Path

import typer

from landbridge.core import files, table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.names import checked
from landbridge.db.opened import opened
from landbridge.features.geofences import queries as fences
from landbridge.tracking.geofences import from_row, read

_NAME = typer.Argument(help="Name of the fence.")
_FILE = typer.Argument(help="GeoJSON file: a Point or LineString with a radius, a Polygon or MultiPolygon.")
commands = typer.Typer(help="Geofences: circles, polygons, corridors; for every device, or a tenant's trips.")


@commands.command()
def add(
    name: str = _NAME,
    file: Path = _FILE,
    radius: float | None = typer.Option(
        None, help="Metres around a point or line; else the feature's property radius_m."
    ),
    tenant: str | None = typer.Option(None, help="It holds on this tenant's trips only; else everywhere."),
) -> None:
    """Add a fence, for points from now on; a trip whose destination has its name ends in it.

    \b
    Examples:
      landbridge fences add Duisburg terminal.geojson
      landbridge fences add "Ural corridor" line.geojson --radius 5000
      landbridge fences add Warehouse warehouse.geojson --tenant acme
    """
    drawn = read(files.text(file), radius, str(file))
    with opened() as it, it.database.writing() as connection:
        there = fences.find(connection, name)
        if there is not None:
            raise UserError(
                f"there is a fence {there.name} already; `landbridge fences remove '{there.name}'` removes it"
            )
        number = fences.add(connection, name, drawn.geometry, drawn.radius_m, it.clock.now_s())
        if tenant is not None:
            fences.give_to(connection, number, checked(tenant, "tenant"))
    print(f"fence {number}: {name}")


@commands.command("list")
def list_fences() -> None:
    """List all fences, removed ones too.

    \b
    Example:
      landbridge fences list
    """
    with opened() as it, it.database.reading() as connection:
        rows = fences.every(connection)
    table.show(
        ("fence", "name", "shape", "radius m", "added", "removed", "tenant"),
        (
            (
                row.fence, row.name, from_row(row).shape.geom_type, round(row.radius_m) or None,
                iso(row.added_s), iso(row.removed_s), row.tenant,
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command()
def remove(name: str = _NAME) -> None:
    """Remove a fence, for points from now on; what it has told stays.

    \b
    Example:
      landbridge fences remove Duisburg
    """
    with opened() as it, it.database.writing() as connection:
        row = fences.find(connection, name)
        if row is None:
            raise UserError(f"no fence {name}; `landbridge fences list` shows those there are")
        fences.remove(connection, row.fence, it.clock.now_s())
    print(f"fence {row.name} is removed")
