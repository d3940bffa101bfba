"""`landbridge trips`: which container a device rides."""

import json
from collections.abc import Sequence

import typer

from landbridge.alarms import engine
from landbridge.clock import iso
from landbridge.commands import events as told
from landbridge.commands import table
from landbridge.commands.opened import LARGEST, known_device, opened, whoever
from landbridge.errors import UserError
from landbridge.fleet import guide
from landbridge.fleet.container import container_number
from landbridge.fleet.settings import change
from landbridge.fleet.tokens import checked
from landbridge.outbound import announce
from landbridge.store import events, trips
from landbridge.wire.settings import SETTINGS

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
    reference: list[str] = _REFERENCES,
    tag: list[str] = _TAGS,
) -> None:
    """Start a trip now. It ends by `trips end`, or in the fence that is named like its destination.

    \b
    Example:
      landbridge trips start lb-0001 --container CSQU3054383 \\
          --line chongqing-duisburg --destination Duisburg --interval 3600 \\
          --reference order=4711 --reference booking=B-88 --tag frozen
    """
    number = container_number(container)
    customer = _references(reference)
    if not destination.strip():
        raise UserError("the destination is empty; name it, like --destination Duisburg")
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
        trip = trips.start(
            connection, device, number, line, destination, interval_s, now_s, customer, sorted(set(tag))
        )
        if tenant is not None:
            trips.give_to(connection, trip, checked(tenant, "tenant"))
        guided = guide.make(connection, device, trip, line, now_s)
    print(f"trip {trip}: {device} rides {number} to {destination} from {iso(now_s)}")
    if not guided:
        print(f"no line {line} is known: the device is told nothing of the way (`landbridge lines add`)")


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
        announce.tell(connection, engine.follow_trip(connection, running.trip, now_s), now_s)
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
