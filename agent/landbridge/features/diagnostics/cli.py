"""`landbridge devices wakes` and `log`: show the wake log and the device log."""

import json

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.db.opened import opened
from landbridge.features.devices.queries import known_device
from landbridge.features.diagnostics.queries import log as device_log
from landbridge.features.diagnostics.queries import wakes
from landbridge.features.diagnostics.wake_coding import reason
from landbridge.protocol.diagnostics import KINDS, meaning

commands = typer.Typer()


@commands.command("wakes")
def show_wakes(
    device: str = typer.Argument(help="Device id."),
    wakes_shown: int = typer.Option(40, "--last", min=1, help="Number of wakes."),
) -> None:
    """Show each wake: first action, reason to sleep, energy

    \b
    Example:
      landbridge devices wakes lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        known_device(connection, device)
        rows = wakes.newest(connection, device, wakes_shown)
    table.show(
        ("time", "first action", "reason to sleep", "J"),
        ((iso(each.at_s), reason(each.did), reason(each.rest), f"{each.joules:.1f}") for each in rows),
    )


@commands.command()
def log(device: str = typer.Argument(help="Device id.")) -> None:
    """Show errors, counters and tracebacks the device reported

    \b
    Example:
      landbridge devices log lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        row = known_device(connection, device)
        entries = device_log.log(connection, device)
    table.show_one({"device": device, **json.loads(row.counters)})
    print()
    table.show(
        ("time", "power-on", "seconds since", "what", "value"),
        (
            (
                iso(each.at_s),
                each.boot,
                each.clock_s,
                KINDS.get(each.kind, f"kind {each.kind}"),
                meaning(each.kind, each.value),
            )
            for each in entries
        ),
    )
    for each in entries:
        if each.text is not None:
            print(f"\nfault {each.clock_s} s after power-on {each.boot}, received {iso(each.received_s)}:")
            print(each.text.rstrip())
