"""`landbridge devices`: manage devices."""

import json
from pathlib import Path

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.db.opened import command_user, opened
from landbridge.features.devices import enrol as enrolment
from landbridge.features.devices import queries as devices
from landbridge.features.devices.broker_users import follow
from landbridge.features.devices.enrol import CERTIFICATE, SETTINGS, enrol
from landbridge.features.devices.queries import known_device
from landbridge.features.trips import queries as trips
from landbridge.ingest.queries import dead_letters, epochs
from landbridge.ingest.replay import KeptMessage, Replay
from landbridge.points import geojson
from landbridge.points.queries import points

commands = typer.Typer(
    help="Manage devices: add, list, tag, retire, keys, logs",
    epilog="See also: landbridge trips, settings, commands, esim.",
)
_SETTINGS = typer.Argument(help="device.json from the agent that added the device.")


@commands.command()
def add(device: str = typer.Argument(help="Device id: 1 to 32 characters of a-z, 0-9 and -.")) -> None:
    """Add a device: create key, broker user, configuration files

    \b
    Example:
      landbridge devices add lb-0001
    """
    with opened(make=True) as it:
        folder = enrol(it.config, it.database, it.keyring, it.clock, device, command_user())
        print(f"added {device}; {SETTINGS} and {CERTIFICATE} for its flash, folder config, are in {folder}")
        if follow(it.config.broker, it.database, it.keyring):
            print(f"the broker has a user {device} for it")
        else:
            print(f"broker user: {device}; its password is broker_password in {SETTINGS}")


@commands.command()
def adopt(
    device: str = typer.Argument(help="Id of a device in quarantine."),
    settings: Path = _SETTINGS,
) -> None:
    """Add an unknown device with the key that it already has

    Its messages, kept in quarantine, are stored.

    \b
    Example:
      landbridge devices adopt lb-0001 old/devices/lb-0001/device.json
    """
    with opened(make=True) as it:
        topic = f"landbridge/{device}/up"
        with it.database.writing() as connection:
            rows = enrolment.adopt(connection, it.keyring, it.clock, device, settings)
            waiting = [KeptMessage(topic, row.payload, row.received_s) for row in rows]
            why = Replay(it.database, it.keyring, it.clock).take_within(connection, waiting)
            for each, refusal in zip(waiting, why, strict=True):
                if refusal is not None:
                    dead_letters.dead_letter(connection, topic, each.payload, refusal, each.received_s)
            dead_letters.empty_quarantine(connection, device)
        follow(it.config.broker, it.database, it.keyring)
    print(f"adopted {device}; {sum(each is None for each in why)} of {len(why)} messages are stored")
    for one in dict.fromkeys(each for each in why if each is not None):
        print(f"not stored: {one}")


@commands.command("list")
def list_devices(
    tag: str | None = typer.Option(None, help="Only devices with this tag, or on a trip with it."),
    everything: bool = typer.Option(False, "--all", help="Include retired devices."),
) -> None:
    """List devices, and unknown ones with messages in quarantine

    \b
    Examples:
      landbridge devices list
      landbridge devices list --tag frozen
    """
    with opened() as it, it.database.reading() as connection:
        wanted = None if tag is None else devices.tagged(connection, tag)
        rows = [
            row
            for row in devices.every(connection)
            if (everything or row.retired_s is None) and (wanted is None or row.device in wanted)
        ]
        running = trips.under_way(connection)
        unknown = dead_letters.unknown_devices(connection)
    table.show(
        ("device", "container", "last session", "next session", "position of", "tags", "retired"),
        (
            (
                row.device,
                running[row.device].container if row.device in running else None,
                iso(row.last_session_s),
                iso(row.next_session_s),
                iso(row.position_at_s),
                " ".join(devices.tags(row)) or None,
                iso(row.retired_s),
            )
            for row in rows
        ),
    )
    for row in unknown:
        print(f"unknown: {row.device}, {row.messages} messages, the last at {iso(row.last_s)}")


@commands.command()
def show(device: str = typer.Argument(help="Device id.")) -> None:
    """Show a device

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
            "retired": iso(row.retired_s),
            "tags": " ".join(devices.tags(row)) or None,
            "container": trip.container if trip else None,
            "last session": iso(row.last_session_s),
            "next session": iso(row.next_session_s),
            "position": position and "{1} N, {0} E, {2} m".format(*position),
            "position of": iso(row.position_at_s),
            "points": counts.stored,
            "points missing": counts.missing,
            "points lost on the device": counts.gone,
            "duplicates dropped": counts.duplicates,
            "uplinks": counts.uplinks,
            "uplinks repeated": counts.repeats,
            "key epoch": row.epoch,
            "forged uplinks": row.forged,
            **json.loads(row.status),
            **json.loads(row.identity),
        }
    )


@commands.command()
def rotate(
    device: str | None = typer.Argument(None, help="Device id."),
    tag: str | None = typer.Option(None, help="All devices with this tag."),
) -> None:
    """Change devices to new encryption keys, in the next session

    A device derives the keys of the next epoch in its next session.

    \b
    Examples:
      landbridge devices rotate lb-0001
      landbridge devices rotate --tag frozen
    """
    with opened() as it, it.database.writing() as connection:
        for each in devices.chosen(connection, device, tag):
            epoch = epochs.next_one(connection, each)
            print(f"{each} receives the keys of epoch {epoch} in its next session; earlier keys are refused")
