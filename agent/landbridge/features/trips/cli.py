"""`landbridge trips`: which container a device rides."""

import json
from collections.abc import Sequence

import typer

from landbridge.core import table
from landbridge.core.clock import from_iso, iso
from landbridge.core.errors import UserError
from landbridge.core.names import checked
from landbridge.db.opened import LARGEST, opened, whoever
from landbridge.events import cli as told
from landbridge.events import queries as events
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import known_device
from landbridge.features.trips import queries as trips
from landbridge.features.trips.container import container_number
from landbridge.features.trips.start import Booking
from landbridge.features.trips.start import start as start_trip
from landbridge.protocol.settings import SETTINGS
from landbridge.tracking import offers
from landbridge.tracking.trip_end import follow

_INTERVAL = SETTINGS["interval_s"]
_REFERENCES = typer.Option([], help="A reference of the shipper, NAME=TEXT; as many as there are.")
_TAGS = typer.Option([], help="A tag to find it by; as many as wanted.")
commands = typer.Typer(help="Which container a device rides, from when to when.")


@commands.command()
def start(
    device: str = typer.Argument(help="Device id."),
    container: str = typer.Option(help="Container number, ISO 6346."),
    tenant: str | None = typer.Option(None, help="Whose tokens see it, beside those without a tenant."),
    line: str = typer.Option(help="The line it goes by (`landbridge lines list`)."),
    destination: str = typer.Option(help="Where it goes."),
    interval: int | None = typer.Option(
        None, min=_INTERVAL.lowest, max=_INTERVAL.highest, help="Seconds between points (setting interval_s)."
    ),
    begin: str | None = typer.Option(
        None, "--from", help="When it began, like 2026-10-01T08:00:00Z; what was stored since goes to it."
    ),
    reference: list[str] = _REFERENCES,
    tag: list[str] = _TAGS,
) -> None:
    """Start a trip, now or in the past. It ends by `trips end`, or in the fence that is named like its
    destination.

    \b
    Examples:
      landbridge trips start lb-0001 --container CSQU3054383 \\
          --line chongqing-duisburg --destination Duisburg --interval 3600 \\
          --reference order=4711 --reference booking=B-88 --tag frozen
      landbridge trips start lb-0001 --from 2026-10-01T08:00:00Z --container CSQU3054383 \\
          --line chongqing-duisburg --destination Duisburg
    """
    number = container_number(container)
    customer = _references(reference)
    if not destination.strip():
        raise UserError("the destination is empty; name it, like --destination Duisburg")
    owner = None if tenant is None else checked(tenant, "tenant")
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        now_s = it.clock.now_s()
        from_s = now_s if begin is None else from_iso(begin)
        interval_s = interval or it.config.devices.interval_s
        booking = Booking(number, line, destination, interval_s, owner, customer, sorted(set(tag)))
        started = start_trip(connection, device, booking, from_s, whoever(), now_s)
    print(f"trip {started.trip}: {device} rides {number} to {destination} from {iso(from_s)}")
    if started.points:
        print(f"{started.points} points that were on no trip go to it")
    if not started.guided:
        print(f"no line {line} is known: the device is told nothing of the way (`landbridge lines add`)")


@commands.command("offers")
def list_offers() -> None:
    """List the devices on no trip that have seen light or were moved since, and from when a trip may have
    begun.

    \b
    Example:
      landbridge trips offers
    """
    with opened() as it, it.database.reading() as connection:
        found = [each for device in devices.names(connection) for each in offers.standing(connection, device)]
    table.show(
        ("device", "cause", "place", "latitude", "longitude", "accept by"),
        (
            (
                each.device,
                *(each.content[name] for name in ("cause", "place", "latitude", "longitude")),
                f"landbridge trips start {each.device} --from {iso(each.at_s)} ...",
            )
            for each in found
        ),
    )


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
        follow(connection, device, running.trip, now_s)
    print(f"trip {running.trip} of {device} with {running.container} is over")


@commands.command("list")
def list_trips(
    tag: str | None = typer.Option(None, help="Only those with this tag."),
    reference: str | None = typer.Option(None, help="Only those with this reference, NAME=TEXT."),
) -> None:
    """List all trips.

    \b
    Examples:
      landbridge trips list
      landbridge trips list --reference order=4711
    """
    wanted = _references([reference] if reference else [])
    with opened() as it, it.database.reading() as connection:
        rows = trips.every(connection)
    table.show(
        (
            "trip", "device", "container", "line", "destination", "interval s", "started", "ended", "tags",
            "tenant",
        ),
        (
            (
                row.trip, row.device, row.container, row.line, row.destination, row.interval_s,
                iso(row.started_s), iso(row.ended_s), " ".join(json.loads(row.tags)) or None, row.tenant,
            )
            for row in rows
            if (tag is None or tag in json.loads(row.tags))
            and wanted.items() <= json.loads(row.customer).items()
        ),
    )  # fmt: skip


@commands.command()
def show(
    trip: int = typer.Argument(min=1, max=LARGEST, help="Number of the trip (`landbridge trips list`)."),
) -> None:
    """Show a trip and its journey: what stands of it, by time.

    \b
    Example:
      landbridge trips show 2
    """
    with opened() as it, it.database.reading() as connection:
        row = trips.find(connection, trip)
        if row is None:
            raise UserError(f"no trip {trip}; `landbridge trips list` shows those there are")
        journey = events.of_trip(connection, trip)
    references = [f"{name}={text}" for name, text in json.loads(row.customer).items()]
    table.show_one({
        "device": row.device,
        "container": row.container,
        "line": row.line,
        "destination": row.destination,
        "started": iso(row.started_s),
        "ended": iso(row.ended_s),
        "references": ", ".join(references) or None,
        "tags": " ".join(json.loads(row.tags)) or None,
    })  # fmt: skip
    print()
    told.show(journey)


def _references(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, _, value = text.partition("=")
        if not name or not value:
            raise UserError(f"reference {text!r} is not of the form NAME=TEXT, like order=4711")
        if name in found:
            raise UserError(f"reference {name!r} is given twice; give each its own name")
        found[name] = value
    return found
