"""`landbridge routes`: manage routes."""

from pathlib import Path

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.db.opened import opened
from landbridge.features.routes import rules
from landbridge.features.routes.queries import routes as stored
from landbridge.features.routes.queries.routes import known_route
from landbridge.geo.route import Waypoint, read

_NAME = typer.Argument(help="Route name.")
_FILE = typer.Argument(help="CSV file with columns name, country, lat, lon, kind and optionally km.")
commands = typer.Typer(help="Manage routes: stations, borders, timetable")


@commands.command()
def add(name: str = _NAME, file: Path = _FILE) -> None:
    """Add a route from a CSV file with its stations in order of travel

    country is an ISO 3166-1 code; kind is hub, border, gauge, yard or line. Without a column km,
    distances along the route are computed. A column chinese has names for pages in Chinese. Lines
    that begin with # are comments.

    \b
    Example:
      landbridge routes add chongqing-duisburg w1.csv
    """
    stations = read(file)
    with opened() as it, it.database.writing() as connection:
        rules.add(connection, name, stations, it.clock.now_s())
    print(f"route {name}: {len(stations)} stations, {stations[-1].km:.0f} km")


@commands.command("list")
def list_routes() -> None:
    """List all routes

    \b
    Example:
      landbridge routes list
    """
    with opened() as it, it.database.reading() as connection:
        rows = stored.every(connection)
    table.show(
        ("route", "from", "to", "stations", "km", "added"),
        (
            (
                row.route, row.stations[0][0], row.stations[-1][0], len(row.stations),
                round(Waypoint(*row.stations[-1]).km), iso(row.added_s),
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command()
def remove(name: str = _NAME) -> None:
    """Remove a route and its coverage data

    Devices on the route lose their route data. A route that is added under the same name takes its place.

    \b
    Example:
      landbridge routes remove chongqing-duisburg
    """
    with opened() as it, it.database.writing() as connection:
        known_route(connection, name)
        stored.remove(connection, name)
    print(f"route {name} is removed")
