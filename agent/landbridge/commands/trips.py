"""`landbridge trips`: which container a device rides."""

import typer

from landbridge.clock import iso
from landbridge.commands import table
from landbridge.commands.opened import known_device, opened, whoever
from landbridge.errors import UserError
from landbridge.fleet.container import container_number
from landbridge.fleet.settings import change
from landbridge.store import trips
from landbridge.wire.settings import SETTINGS

_INTERVAL = SETTINGS["interval_s"]
commands = typer.Typer(help="Which container a device rides, from when to when.")


@commands.command()
def start(
    device: str = typer.Argument(help="Device id."),
    container: str = typer.Option(help="Container number, ISO 6346."),
    line: str = typer.Option(help="The line it goes by."),
    destination: str = typer.Option(help="Where it goes."),
    interval: int | None = typer.Option(
        None, min=_INTERVAL.lowest, max=_INTERVAL.highest, help="Seconds between points (setting interval_s)."
    ),
) -> None:
    """Start a trip now.

    \b
    Example:
      landbridge trips start lb-0001 --container CSQU3054383 \\
          --line chongqing-duisburg --destination Duisburg --interval 3600
    """
    number = container_number(container)
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        running = trips.running(connection, device)
        if running:
            raise UserError(
                f"{device} is on trip {running.trip} with {running.container};"
                f" `landbridge trips end {device}` ends it"
            )
        interval_s = interval or it.config.devices.interval_s
        now_s = it.clock.now_s()
        last = trips.last(connection, device)
        if last and now_s < last.ended_s:
            raise UserError(
                f"trip {last.trip} of {device} ended at {iso(last.ended_s)},"
                f" after this start at {iso(now_s)}; set this machine's clock"
            )
        change(connection, device, {_INTERVAL.name: interval_s}, whoever(), now_s)
        trip = trips.start(connection, device, number, line, destination, interval_s, now_s)
    print(f"trip {trip}: {device} rides {number} to {destination} from {iso(now_s)}")


@commands.command()
def end(device: str = typer.Argument(help="Device id.")) -> None:
    """End the running trip of a device now.

    \b
    Example:
      landbridge trips end lb-0001
    """
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        running = trips.running(connection, device)
        if not running:
            raise UserError(f"{device} is on no trip; `landbridge trips start {device}` starts one")
        now_s = it.clock.now_s()
        if now_s < running.started_s:
            raise UserError(
                f"trip {running.trip} of {device} began at {iso(running.started_s)},"
                f" after this end at {iso(now_s)}; set this machine's clock"
            )
        trips.end(connection, running.trip, now_s)
    print(f"trip {running.trip} of {device} with {running.container} is over")


@commands.command("list")
def list_trips() -> None:
    """List all trips.

    \b
    Example:
      landbridge trips list
    """
    with opened() as it, it.database.reading() as connection:
        rows = trips.every(connection)
    table.show(
        ("trip", "device", "container", "line", "destination", "interval s", "started", "ended"),
        (
            (
                row.trip, row.device, row.container, row.line, row.destination, row.interval_s,
                iso(row.started_s), iso(row.ended_s),
            )
            for row in rows
        ),
    )  # fmt: skip
