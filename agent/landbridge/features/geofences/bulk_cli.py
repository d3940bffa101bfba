"""`landbridge geofences`: many at once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from landbridge.core import sheet
from landbridge.core.checked import Within, strict
from landbridge.core.errors import UserError
from landbridge.core.names import checked
from landbridge.core.sheet import Cell, Sheet, of_column
from landbridge.db import sheets
from landbridge.db.opened import opened
from landbridge.features.geofences import queries as geofences

commands = typer.Typer(help="Manage geofences: many at once")
_FILE = typer.Argument(help="CSV file with the columns name, latitude, longitude, radius_m and tenant.")
_DRY_RUN = typer.Option(False, "--dry-run", help="Only check the file, and print each error.")


@strict
@dataclass(frozen=True)
class _Circle:
    """A row."""

    name: Cell
    latitude: Annotated[float, Within(-90, 90)]
    longitude: Annotated[float, Within(-180, 180)]
    radius_m: Annotated[float, Within(1, 1_000_000)]
    tenant: Cell | None = None


@commands.command("import")
def add_all(file: Path = _FILE, dry_run: bool = _DRY_RUN) -> None:
    """Add circular geofences from a CSV file

    Either all rows are added or none. `geofences add` takes other shapes.

    \b
    Examples:
      landbridge geofences import terminals.csv --dry-run
      landbridge geofences import terminals.csv
    """
    rows = Sheet(file, _Circle, "name")
    with opened() as it:
        now_s = it.clock.now_s()

        def add(connection: Connection, row: _Circle) -> None:
            if geofences.find(connection, row.name, row.tenant):
                raise UserError(f"geofence {row.name} already exists", "name")
            shape = json.dumps({"type": "Point", "coordinates": [row.longitude, row.latitude]})
            number = geofences.add(connection, row.name, shape, row.radius_m, now_s)
            if row.tenant is not None:
                geofences.give_to(connection, number, of_column("tenant", checked, row.tenant, "tenant"))

        sheets.apply(it.database, rows, add, dry_run)
    if not dry_run:
        print(f"added {len(rows.rows)} geofences")


@commands.command("export")
def export_all() -> None:
    """Print circles in use as CSV

    \b
    Example:
      landbridge geofences export > terminals.csv
    """
    with opened() as it, it.database.reading() as connection:
        rows = [row for row in geofences.every(connection) if row.removed_s is None]
    shapes = ((row, json.loads(row.geometry)) for row in rows)
    sheet.write(
        _Circle,
        (
            (row.name, *reversed(shape["coordinates"][:2]), row.radius_m, row.tenant)
            for row, shape in shapes
            if shape["type"] == "Point"
        ),
    )
