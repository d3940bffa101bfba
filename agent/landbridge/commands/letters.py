"""`landbridge dead-letters`: messages that could not be read."""

import typer

from landbridge.clock import iso
from landbridge.commands import table
from landbridge.commands.opened import LARGEST, opened
from landbridge.errors import UserError
from landbridge.store import letters

commands = typer.Typer(help="Messages that could not be read, with the reason.")


@commands.command("list")
def list_letters() -> None:
    """List the dead letters, the oldest first.

    \b
    Example:
      landbridge dead-letters list
    """
    with opened() as it, it.database.reading() as connection:
        rows = letters.every(connection)
        dropped = letters.dropped(connection)
    table.show(
        ("letter", "received", "topic", "bytes", "reason"),
        ((row.letter, iso(row.received_s), row.topic, len(row.payload), row.reason) for row in rows),
    )
    for row in dropped:
        print(f"{row.topic}: {row.letters} older ones were not kept")


@commands.command()
def show(letter: int = typer.Argument(min=1, max=LARGEST, help="Its number in the list.")) -> None:
    """Show one dead letter with its bytes.

    \b
    Example:
      landbridge dead-letters show 3
    """
    with opened() as it, it.database.reading() as connection:
        row = letters.find(connection, letter)
    if row is None:
        raise UserError(f"no dead letter {letter}; `landbridge dead-letters list` shows those there are")
    table.show_one(
        {
            "letter": letter,
            "received": iso(row.received_s),
            "topic": row.topic,
            "reason": row.reason,
            "payload": row.payload.hex(),
        }
    )
