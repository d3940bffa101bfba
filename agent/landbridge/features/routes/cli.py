"""`landbridge lines`: the lines that trips go by."""

from pathlib import Path

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db.opened import opened
from landbridge.features.routes.queries import routes as stored
from landbridge.features.routes.queries.routes import known_line
from landbridge.geo import settlements
from landbridge.geo.route import position, read
from landbridge.protocol.route_data import TILE_KM, tile_count

_NAME = typer.Argument(help="Name of the line.")
_FILE = typer.Argument(help="CSV file with columns name, country, lat, lon, kind, perhaps km.")
commands = typer.Typer(help="The lines that trips go by: their stations tell devices the way ahead.")


@commands.command()
def add(name: str = _NAME, file: Path = _FILE) -> None:
    """Add a line: its stations in the order of travel, from a CSV file.

    \b
    country is an ISO 3166-1 code, kind one of hub, border, gauge, yard, line; km (along the line) is
    computed if there is no such column. Lines that begin with # are comments.

    \b
    Example:
      landbridge lines add chongqing-duisburg w1.csv
    """
    stations = read(file)
    middles = ((tile + 0.5) * TILE_KM for tile in range(tile_count(stations)))
    places_km = [settlements.distance_km(*position(stations, km)) for km in middles]
    with opened() as it, it.database.writing() as connection:
        if stored.find(connection, name):
            raise UserError(f"there is a line {name} already; `landbridge lines remove {name}` removes it")
        stored.add(connection, name, stations, places_km, it.clock.now_s())
    print(f"line {name}: {len(stations)} stations, {stations[-1].km:.0f} km")


@commands.command("list")
def list_lines() -> None:
    """List all lines.

    \b
    Example:
      landbridge lines list
    """
    with opened() as it, it.database.reading() as connection:
        rows = stored.every(connection)
    table.show(
        ("line", "from", "to", "stations", "km", "added"),
        (
            (
                row.line, row.stations[0][0], row.stations[-1][0], len(row.stations),
                round(row.stations[-1][-1]), iso(row.added_s),
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command()
def remove(name: str = _NAME) -> None:
    """Remove a line and what was learned of it; devices under way on it lose their guide, and
    are expected anew by the line that is added under its name.

    \b
    Example:
      landbridge lines remove chongqing-duisburg
    """
    with opened() as it, it.database.writing() as connection:
        known_line(connection, name)
        stored.remove(connection, name)
    print(f"line {name} is removed")
