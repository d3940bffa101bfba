"""`landbridge devices`: the locators this agent knows."""

import json

import typer

from landbridge.clock import iso
from landbridge.commands import table
from landbridge.commands.opened import known_device, opened, whoever
from landbridge.fleet.enrol import CERTIFICATE, SETTINGS, enrol
from landbridge.outbound import geojson
from landbridge.store import devices, diagnostics, letters, points, trips
from landbridge.wire.diagnostics import KINDS

commands = typer.Typer(help="The locators this agent knows.")


@commands.command()
def add(device: str = typer.Argument(help="Its id: 1 to 32 of a-z, 0-9 and -.")) -> None:
    """Add a device: make its key and the settings for its flash.

    \b
    Example:
      landbridge devices add lb-0001
    """
    with opened(make=True) as it:
        folder = enrol(it.config, it.database, it.keyring, it.clock, device, whoever())
    print(f"added {device}; {SETTINGS} and {CERTIFICATE} for its flash, folder config, are in {folder}")
    print(f"at the broker its user is {device}, its password the broker_password in {SETTINGS}")


@commands.command("list")
def list_devices() -> None:
    """List the devices, and unknown ones that sent something.

    \b
    Example:
      landbridge devices list
    """
    with opened() as it, it.database.reading() as connection:
        rows = devices.every(connection)
        riding = {row.device: trips.running(connection, row.device) for row in rows}
        unknown = letters.unknown_devices(connection)
    table.show(
        ("device", "container", "last contact", "next contact", "position of"),
        (
            (
                row.device,
                getattr(riding[row.device], "container", None),
                iso(row.last_contact_s),
                iso(row.next_contact_s),
                iso(row.position_at_s),
            )
            for row in rows
        ),
    )
    for row in unknown:
        print(f"unknown: {row.device}, {row.messages} messages, the last at {iso(row.last_s)}")


@commands.command()
def show(device: str = typer.Argument(help="Its id.")) -> None:
    """Show what is known of a device; its key is never shown.

    \b
    Example:
      landbridge devices show lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        row = known_device(connection, device)
        trip = trips.running(connection, device)
        counts = points.counts(connection, device)
        latest = points.latest_position(connection, device)
    position = geojson.feature(latest)["geometry"]["coordinates"] if latest else None
    table.show_one(
        {
            "device": device,
            "added": iso(row.created_s),
            "container": trip.container if trip else None,
            "last contact": iso(row.last_contact_s),
            "next contact": iso(row.next_contact_s),
            "position": position and "{1} N, {0} E, {2} m".format(*position),
            "position of": iso(row.position_at_s),
            "points": counts.stored,
            "points missing": counts.missing,
            "duplicates dropped": counts.duplicates,
            "uplinks": counts.uplinks,
            "uplinks repeated": counts.repeats,
            **json.loads(row.status),
            **json.loads(row.identity),
        }
    )


@commands.command()
def log(device: str = typer.Argument(help="Its id.")) -> None:
    """Show what a device told of itself: counters, what went wrong, tracebacks of its faults.

    \b
    Example:
      landbridge devices log lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        row = known_device(connection, device)
        entries = diagnostics.log(connection, device)
    table.show_one({"device": device, **json.loads(row.counters)})
    print()
    table.show(
        ("time", "power-on", "seconds since", "what", "value"),
        (
            (iso(each.at_s), each.boot, each.clock_s, KINDS.get(each.kind, f"kind {each.kind}"), each.value)
            for each in entries
        ),
    )
    for each in entries:
        if each.text is not None:
            print(f"\nfault {each.clock_s} s after power-on {each.boot}, told {iso(each.received_s)}:")
            print(each.text.rstrip())
