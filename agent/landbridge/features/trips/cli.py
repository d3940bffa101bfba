"""`landbridge trips`: manage trips, the binding of devices to containers."""

import json

import typer

from landbridge.core import table
from landbridge.core.clock import from_iso, iso
from landbridge.core.errors import UserError
from landbridge.core.names import checked
from landbridge.db.opened import LARGEST, command_user, opened
from landbridge.events import cli as events_cli
from landbridge.events.queries import events
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import known_device
from landbridge.features.trips import queries as trips
from landbridge.features.trips.container import container_number
from landbridge.features.trips.edit import known_route
from landbridge.features.trips.end import end as end_trip
from landbridge.features.trips.references import references
from landbridge.features.trips.start import Booking
from landbridge.features.trips.start import start as start_trip
from landbridge.protocol.settings import SETTINGS
from landbridge.tracking import suggestions

_INTERVAL = SETTINGS["interval_s"]
_REFERENCES = typer.Option([], help="Consignment reference, NAME=TEXT; repeatable.")
_TAGS = typer.Option([], help="Tag; repeatable.")
commands = typer.Typer(help="Manage trips: bind devices to containers")


@commands.command()
def start(
    device: str = typer.Argument(help="Device id."),
    container: str = typer.Option(help="Container number, ISO 6346."),
    tenant: str | None = typer.Option(
        None, help="Tenant (customer) whose users and tokens may see the trip; default: only the operator's."
    ),
    route: str = typer.Option(help="Route (`landbridge routes list`)."),
    destination: str = typer.Option(help="Destination."),
    interval: int | None = typer.Option(
        None,
        min=_INTERVAL.lowest,
        max=_INTERVAL.highest,
        help="Seconds between positions with pacing off (setting interval_s).",
    ),
    begin: str | None = typer.Option(
        None,
        "--from",
        help="Start time, for example 2026-10-01T08:00:00Z; default: now.",
    ),
    reference: list[str] = _REFERENCES,
    tag: list[str] = _TAGS,
) -> None:
    """Start a trip, now or in the past

    It ends with `trips end`, or automatically in the geofence that has the name of the destination.

    \b
    Examples:
      landbridge trips start lb-0001 --container CSQU3054383 \\
          --route chongqing-duisburg --destination Duisburg --interval 3600 \\
          --reference order=4711 --reference booking=B-88 --tag frozen
      landbridge trips start lb-0001 --from 2026-10-01T08:00:00Z --container CSQU3054383 \\
          --route chongqing-duisburg --destination Duisburg
    """
    number = container_number(container)
    customer = references(reference)
    if not destination.strip():
        raise UserError("the destination is empty; name it, like --destination Duisburg")
    owner = None if tenant is None else checked(tenant, "tenant")
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        known_route(connection, route)
        now_s = it.clock.now_s()
        from_s = now_s if begin is None else from_iso(begin)
        interval_s = interval or it.config.devices.interval_s
        booking = Booking(number, route, destination, interval_s, owner, customer, sorted(set(tag)))
        started = start_trip(connection, device, booking, from_s, command_user(), now_s)
    print(f"trip {started.trip}: {device} on {number} to {destination} from {iso(from_s)}")
    if started.points:
        print(f"{started.points} points without a trip now belong to it")
    if not started.has_route_data:
        print(f"route {route} is unknown: the device gets no route data (`landbridge routes add`)")


@commands.command("suggestions")
def list_suggestions() -> None:
    """List devices without a trip that detected light or motion

    A trip may have started at the time in the command: complete it with container, route and destination.

    \b
    Example:
      landbridge trips suggestions
    """
    with opened() as it, it.database.reading() as connection:
        found = [
            each for device in devices.names(connection) for each in suggestions.current(connection, device)
        ]
    table.show(
        ("device", "cause", "place", "latitude", "longitude", "command"),
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
def end(
    device: str | None = typer.Argument(None, help="Device id."),
    tag: str | None = typer.Option(None, help="All devices with this tag that are on a trip."),
) -> None:
    """End the current trip of a device, or of all with a tag

    \b
    Examples:
      landbridge trips end lb-0001
      landbridge trips end --tag frozen
    """
    with opened() as it, it.database.writing() as connection:
        now_s = it.clock.now_s()
        for each in devices.chosen(connection, device, tag):
            running = trips.running(connection, each)
            if running:
                end_trip(connection, running, now_s)
                print(f"trip {running.trip} of {each} on {running.container} has ended")
            elif device is not None:
                raise UserError(f"{device} is not on a trip; `landbridge trips start {device}` starts one")


@commands.command("list")
def list_trips(
    tag: str | None = typer.Option(None, help="Only trips with this tag."),
    reference: str | None = typer.Option(None, help="Only trips with this reference, NAME=TEXT."),
) -> None:
    """List all trips, ended ones included

    \b
    Examples:
      landbridge trips list
      landbridge trips list --reference order=4711
    """
    wanted = references([reference] if reference else [])
    with opened() as it, it.database.reading() as connection:
        rows = trips.every(connection)
    table.show(
        (
            "trip", "device", "container", "route", "destination", "interval s", "started", "ended", "tags",
            "tenant",
        ),
        (
            (
                row.trip, row.device, row.container, row.route, row.destination, row.interval_s,
                iso(row.started_s), iso(row.ended_s), " ".join(json.loads(row.tags)) or None, row.tenant,
            )
            for row in rows
            if (tag is None or tag in json.loads(row.tags))
            and wanted.items() <= json.loads(row.customer).items()
        ),
    )  # fmt: skip


@commands.command()
def show(
    trip: int = typer.Argument(min=1, max=LARGEST, help="Trip number (`landbridge trips list`)."),
) -> None:
    """Show a trip, by its number, and its events

    \b
    Example:
      landbridge trips show 2
    """
    with opened() as it, it.database.reading() as connection:
        row = trips.find(connection, trip)
        if row is None:
            raise UserError(f"no trip {trip}; `landbridge trips list` lists them")
        tracked = events.of_trip(connection, trip)
    given = [f"{name}={text}" for name, text in json.loads(row.customer).items()]
    table.show_one({
        "device": row.device,
        "container": row.container,
        "route": row.route,
        "destination": row.destination,
        "started": iso(row.started_s),
        "ended": iso(row.ended_s),
        "references": ", ".join(given) or None,
        "tags": " ".join(json.loads(row.tags)) or None,
    })  # fmt: skip
    print()
    events_cli.show(tracked)
