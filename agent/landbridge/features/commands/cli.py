"""`landbridge commands`: send one-shot commands and show their results."""

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db.opened import LARGEST, command_user, opened
from landbridge.features.commands import handler as fleet
from landbridge.features.commands import queries as stored
from landbridge.features.commands.coding import VERBS
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import known_device

_SEND_HELP = """Send a command to a device, or to all devices with a tag

The device receives it in its next session and executes it at most once.

\b
Examples:
  landbridge commands send lb-0001 locate
  landbridge commands send lb-0001 dense 7200 --expires 6h
  landbridge commands send --tag frozen locate

\b
Commands:
""" + "\n".join(
    f"  {name}: {verb.help}" + (f" (argument: {verb.wanted})" if verb.wanted else "")
    for name, verb in VERBS.items()
)
_WORDS = typer.Argument(
    metavar="[DEVICE] COMMAND [NUMBER]",
    help="Device id, without --tag; command, its argument if it takes one.",
)
_LIST_DEVICE = typer.Argument(None, help="Only commands for this device.")
_DEVICE = typer.Argument(help="Device id.")
commands = typer.Typer(
    help="Send one-shot commands to trackers, and show the results",
    epilog="A tracker executes a command at most once, in its next session. "
    "The commands of trackers: `landbridge commands send --help`.",
)


@commands.command(help=_SEND_HELP)
def send(
    words: list[str] = _WORDS,
    tag: str | None = typer.Option(None, help="All devices with this tag."),
    expires: str = typer.Option("24h", help="How long it may wait for the device: 30m, 24h, 7d."),
) -> None:
    """Send a command; `_SEND_HELP` is its help text."""
    device, (verb, *rest) = (words[0], words[1:] or [""]) if tag is None else (None, words)
    if not verb or len(rest) > 1 or not all(map(_is_number, rest)):
        raise UserError("give a device or --tag, a command, and the number that some commands take")
    argument = int(rest[0]) if rest else None
    with opened() as it, it.database.writing() as connection:
        for each in devices.chosen(connection, device, tag):
            row = devices.device_in_use(connection, each)
            given = fleet.give(connection, each, verb, argument, expires, command_user(), it.clock.now_s())
            until = iso(given.expires_s)
            print(f"command {given.command}: {each} gets {verb} in its next session, until {until}")
            if row.next_session_s is not None:
                print(f"the next session is due at {iso(row.next_session_s)}")


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii()


@commands.command("list")
def list_commands(device: str = _LIST_DEVICE) -> None:
    """List commands and their results, oldest first

    \b
    Examples:
      landbridge commands list
      landbridge commands list lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        if device is not None:
            known_device(connection, device)
        rows = stored.every(connection, device)
        now_s = it.clock.now_s()
    table.show(
        ("command", "device", "verb", "argument", "by", "given", "expires", "sent", "result of", "state"),
        (
            (
                row.command, row.device, row.verb, row.argument, row.given_by, iso(row.given_s),
                iso(row.expires_s), iso(row.sent_s), iso(row.result_s), fleet.state(row, now_s),
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command()
def cancel(
    device: str = _DEVICE,
    command: int = typer.Argument(min=1, max=LARGEST, help="Number in the list."),
) -> None:
    """Cancel a command that has not been executed yet, by its number

    \b
    Example:
      landbridge commands cancel lb-0001 845500000
    """
    with opened() as it, it.database.writing() as connection:
        known_device(connection, device)
        row = fleet.cancel(connection, device, command, command_user(), it.clock.now_s())
    print(f"command {command} of {device} is cancelled")
    if row.sent_s is not None:
        print(f"it was sent at {iso(row.sent_s)}: the device may still execute it and report its result")
