"""`landbridge settings`: show and change device settings."""

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db.opened import command_user, opened
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import known_device
from landbridge.features.settings import handler as fleet
from landbridge.features.settings import queries as stored
from landbridge.protocol.settings import SETTINGS, SOURCES, applied

_SET_HELP = """Set settings of a device, or of all devices with a tag

A device applies them in its next session. NAME=default restores the default value.

\b
Examples:
  landbridge settings set lb-0001 report_least_s=3600 light_lux=50
  landbridge settings set --tag frozen paced=0 interval_s=1800

\b
Settings:
""" + "\n".join(
    f"  {each.name}: {each.help}; {each.lowest} to {each.highest}, default {each.default}"
    for each in SETTINGS.values()
)
commands = typer.Typer(
    help="Show and change device settings",
    epilog="Names, ranges and defaults: `landbridge settings set --help`.",
)
_DEVICE = typer.Argument(help="Device id.")
_WORDS = typer.Argument(
    metavar="[DEVICE] NAME=VALUE...", help="Device id, without --tag; settings (`settings show` lists them)."
)
_IF_CHANGED = typer.Argument(None, metavar="[NAME=VALUE...]", help="Changes to compare.")


@commands.command()
def show(device: str = _DEVICE) -> None:
    """Show the settings of a device, and whether it applies them

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
            "reported": iso(reported_s),
            **{f"revision {each.revision}": f"{iso(each.set_s)} by {each.set_by}" for each in history},
        }
    )


@commands.command("set", help=_SET_HELP)
def set_settings(
    words: list[str] = _WORDS,
    tag: str | None = typer.Option(None, help="All devices with this tag."),
) -> None:
    """Change settings of devices; `_SET_HELP` is the help text."""
    device, assignments = (words[0], words[1:]) if tag is None else (None, words)
    if not assignments:
        raise UserError("give settings to change, like light_lux=50")
    changes = fleet.parse(assignments)
    with opened() as it, it.database.writing() as connection:
        for each in devices.chosen(connection, device, tag):
            revision = stored.change(connection, each, changes, command_user(), it.clock.now_s())
            if revision is None:
                print(f"{each} already has these settings")
            else:
                print(f"revision {revision} for {each}; it is sent in its next session")


@commands.command()
def diff(device: str = _DEVICE, assignments: list[str] = _IF_CHANGED) -> None:
    """Show what differs from the defaults, or what a change would alter

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
