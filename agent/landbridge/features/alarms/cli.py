"""`landbridge alarms`: list, acknowledge and clear alarms."""

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.db.opened import LARGEST, command_user, opened
from landbridge.events import publishing
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as stored
from landbridge.features.devices.queries import known_device

commands = typer.Typer(help="List, acknowledge and clear alarms")
_NUMBER = typer.Argument(min=1, max=LARGEST, help="Alarm number (`landbridge alarms list`).")


@commands.command("list")
def list_alarms(
    device: str | None = typer.Option(None, help="Only alarms of this device."),
    everything: bool = typer.Option(False, "--all", help="Include cleared alarms."),
    limit: int = typer.Option(100, min=1, max=LARGEST, help="Maximum number of alarms."),
) -> None:
    """List alarms, newest first

    \b
    Examples:
      landbridge alarms list
      landbridge alarms list --device lb-0001 --all
    """
    with opened() as it, it.database.reading() as connection:
        if device is not None:
            known_device(connection, device)
        rows = stored.listed(connection, stored.Wanted(None, device, not everything), LARGEST, limit)
    table.show(
        ("alarm", "severity", "type", "device", "trip", "tenant", "since", "times", "state", "by", "note"),
        (
            (
                row.alarm, row.severity, row.name, row.device, row.trip, row.tenant, iso(row.raised_s),
                row.times, engine.state(row), row.cleared_by or row.acknowledged_by, row.note,
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command()
def acknowledge(
    number: int = _NUMBER, note: str = typer.Option("", help="Note: what is being done.")
) -> None:
    """Acknowledge an alarm

    Platforms are notified.

    \b
    Example:
      landbridge alarms acknowledge 848664000 --note "terminal called"
    """
    with opened() as it, it.database.writing() as connection:
        now_s = it.clock.now_s()
        publishing.publish(
            connection, engine.acknowledge(connection, number, command_user(), note, now_s), now_s
        )
    print(f"alarm {number} is acknowledged")


@commands.command()
def clear(number: int = _NUMBER) -> None:
    """Clear an alarm

    The next event of its type raises it again.

    \b
    Example:
      landbridge alarms clear 848664000
    """
    with opened() as it, it.database.writing() as connection:
        now_s = it.clock.now_s()
        publishing.publish(connection, engine.clear(connection, number, command_user(), now_s), now_s)
    print(f"alarm {number} is cleared")
