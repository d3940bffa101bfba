"""`landbridge trips`: many at once, and corrections."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from landbridge.core import sheet
from landbridge.core.checked import WholeWithin, strict
from landbridge.core.clock import from_iso, iso
from landbridge.core.errors import UserError
from landbridge.core.names import checked
from landbridge.core.sheet import Cell, Sheet, of_column
from landbridge.db import sheets
from landbridge.db.opened import LARGEST, command_user, opened
from landbridge.features.devices import queries as devices
from landbridge.features.trips import queries as trips
from landbridge.features.trips.container import container_number
from landbridge.features.trips.edit import Changes, edit, known_route
from landbridge.features.trips.references import references
from landbridge.features.trips.start import Booking, start
from landbridge.protocol.settings import SETTINGS

_INTERVAL = SETTINGS["interval_s"]
commands = typer.Typer(help="Import, export and correct trips")
_FILE = typer.Argument(help="CSV file with the columns that `trips export` prints.")
_DRY_RUN = typer.Option(False, "--dry-run", help="Only check the file, and print each error.")
_TAGS = typer.Option(None, "--tag", help="Replace the tags; repeatable.")
_REFERENCES = typer.Option(None, "--reference", help="Replace the references: NAME=TEXT; repeatable.")


@strict
@dataclass(frozen=True)
class _Trip:
    """A row."""

    device: Cell
    container: Cell
    route: Cell
    destination: Cell
    interval_s: Annotated[int, WholeWithin(_INTERVAL.lowest, _INTERVAL.highest)] | None = None
    tenant: Cell | None = None
    begin: Cell | None = None
    references: Cell = ""
    tags: Cell = ""


@commands.command("import")
def start_all(file: Path = _FILE, dry_run: bool = _DRY_RUN) -> None:
    """Start trips from a CSV file

    Either all trips start or none. References have the form order=4711; booking=B-88, tags are separated by
    spaces. The column begin is a time like 2026-10-01T08:00:00Z; empty: now.

    \b
    Examples:
      landbridge trips import trips.csv --dry-run
      landbridge trips import trips.csv
    """
    rows = Sheet(file, _Trip, "device")
    with opened() as it:
        now_s, unknown = it.clock.now_s(), set[str]()

        def act(connection: Connection, row: _Trip) -> None:
            devices.device_in_use(connection, row.device)
            if not known_route(connection, row.route):
                unknown.add(row.route)
            booking = Booking(
                of_column("container", container_number, row.container),
                row.route,
                row.destination,
                row.interval_s or it.config.devices.interval_s,
                row.tenant and of_column("tenant", checked, row.tenant, "tenant"),
                of_column("references", references, row.references.split(";")),
                sorted(set(row.tags.split())),
            )
            from_s = of_column("begin", from_iso, row.begin) if row.begin else now_s
            start(connection, row.device, booking, from_s, command_user(), now_s)

        sheets.apply(it.database, rows, act, dry_run)
    if not dry_run:
        print(f"started {len(rows.rows)} trips")
    for each in sorted(unknown):
        print(f"route {each} is unknown: its devices get no route data (`landbridge routes add`)")


@commands.command("export")
def export_all(
    tag: str | None = typer.Option(None, help="Only trips of devices with this tag."),
    everything: bool = typer.Option(False, "--all", help="Include trips that have ended."),
) -> None:
    """Print running trips as CSV

    \b
    Example:
      landbridge trips export > trips.csv
    """
    with opened() as it, it.database.reading() as connection:
        wanted = None if tag is None else devices.tagged(connection, tag)
        rows = [row for row in trips.every(connection) if everything or row.ended_s is None]
    sheet.write(
        _Trip,
        (
            (
                row.device, row.container, row.route, row.destination, row.interval_s, row.tenant,
                iso(row.started_s), "; ".join(f"{k}={v}" for k, v in json.loads(row.customer).items()),
                " ".join(json.loads(row.tags)),
            )
            for row in rows
            if wanted is None or row.device in wanted
        ),
    )  # fmt: skip


@commands.command("edit")
def edit_trip(
    trip: int = typer.Argument(min=1, max=LARGEST, help="Trip number (`landbridge trips list`)."),
    container: str | None = typer.Option(None, help="Container number, ISO 6346."),
    route: str | None = typer.Option(None, help="Route (`landbridge routes list`)."),
    destination: str | None = typer.Option(None, help="Destination."),
    interval: int | None = typer.Option(
        None,
        min=_INTERVAL.lowest,
        max=_INTERVAL.highest,
        help="Seconds between positions with pacing off (setting interval_s).",
    ),
    tenant: str | None = typer.Option(
        None, help="Tenant of a trip that has none: its users and tokens may see the whole trip."
    ),
    reference: list[str] | None = _REFERENCES,
    tag: list[str] | None = _TAGS,
) -> None:
    """Correct a trip, by its number: container, route, tags...

    Its events are recomputed. A running trip gets the route data of another route. A route name that
    looks mistyped is refused.

    \b
    Examples:
      landbridge trips edit 2 --container CSQU3054383
      landbridge trips edit 2 --route chongqing-duisburg --destination Duisburg
      landbridge trips edit 2 --tenant acme
    """
    changes = Changes(
        None if container is None else container_number(container),
        route,
        destination,
        interval,
        references(reference) if reference else None,
        sorted(set(tag)) if tag else None,
        None if tenant is None else checked(tenant, "tenant"),
    )
    if not any(each is not None for each in changes):
        raise UserError("give a change, like --destination Duisburg")
    if destination is not None and not destination.strip():
        raise UserError("the destination is empty; name it, like --destination Duisburg")
    with opened() as it, it.database.writing() as connection:
        edit(connection, trip, changes, command_user(), it.clock.now_s())
        is_known = route is None or known_route(connection, route)
    print(f"trip {trip} is corrected; its events are recomputed")
    if not is_known:
        print(f"route {route} is unknown: the device gets no route data (`landbridge routes add`)")
