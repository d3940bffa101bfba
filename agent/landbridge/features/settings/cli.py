"""`landbridge settings`: what a device is to apply, and what it does apply."""

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.db.opened import opened, whoever
from landbridge.features.devices.queries import known_device
from landbridge.features.settings import handler as fleet
from landbridge.features.settings import queries as stored
from landbridge.protocol.settings import SETTINGS, SOURCES, applied

_SET_HELP = """Change settings of a device; NAME=default takes one back.

\b
Example:
  landbridge settings set lb-0001 interval_s=1800 light_lux=50

\b
Settings:
""" + "\n".join(
    f"  {each.name}: {each.help}; {each.lowest} to {each.highest}, default {each.default}"
    for each in SETTINGS.values()
)
commands = typer.Typer(help="How devices are set; they get it with their next report.")
_DEVICE = typer.Argument(help="Device id.")
_CHANGES = typer.Argument(metavar="NAME=VALUE...", help="`landbridge settings show` lists the names.")
_IF_CHANGED = typer.Argument(None, metavar="[NAME=VALUE...]", help="What would be set.")


@commands.command()
def show(device: str = _DEVICE) -> None:
    """Show the settings of a device, who set them and whether it applies them.

    \b
    Example:
      landbridge settings show lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        known_device(connection, device)
        history = stored.history(connection, device)
        said = stored.report(connection, device)
    desired = history[-1] if history else stored.NOTHING_SET
    table.show(
        ("setting", "value", "default", "from", "to"),
        (
            (name, value, SETTINGS[name].default, SETTINGS[name].lowest, SETTINGS[name].highest)
            for name, value in applied(desired.changes).items()
        ),
    )
    print()
    report, reported_s = said or (None, None)
    table.show_one(
        {
            "revision": desired.revision,
            "state": fleet.state(desired, report),
            "device applies": report and f"revision {report.revision}, {SOURCES[report.source]}",
            "it said so": iso(reported_s),
            **{f"revision {each.revision}": f"{iso(each.set_s)} by {each.set_by}" for each in history},
        }
    )


@commands.command("set", help=_SET_HELP)
def set_settings(device: str = _DEVICE, assignments: list[str] = _CHANGES) -> None:
    """Change settings of a device; `_SET_HELP` is what a person reads."""
    changes = fleet.parse(assignments)
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        revision = stored.change(connection, device, changes, whoever(), it.clock.now_s())
    if revision is None:
        print(f"{device} is set so already")
    else:
        print(f"revision {revision} for {device}; it goes with the reply to its next report")


@commands.command()
def diff(device: str = _DEVICE, assignments: list[str] = _IF_CHANGED) -> None:
    """Show what differs from the defaults, or what a change would change.

    \b
    Examples:
      landbridge settings diff lb-0001
      landbridge settings diff lb-0001 interval_s=1800
    """
    changes = fleet.parse(assignments or [])
    with opened() as it, it.database.reading() as connection:
        known_device(connection, device)
        now = applied(stored.desired(connection, device).changes)
    before, after = (now, now | changes) if assignments else (applied({}), now)
    heads = ("setting", "now", "then") if assignments else ("setting", "default", "now")
    table.show(heads, ((name, before[name], after[name]) for name in SETTINGS if before[name] != after[name]))
