"""`landbridge dead-letters`: show and replay messages that could not be processed."""

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db.opened import LARGEST, opened
from landbridge.ingest.queries import dead_letters
from landbridge.ingest.replay import KeptMessage, Replay

commands = typer.Typer(help="Show and replay messages that could not be processed")


@commands.command("list")
def list_dead_letters() -> None:
    """List dead letters, oldest first

    \b
    Example:
      landbridge dead-letters list
    """
    with opened() as it, it.database.reading() as connection:
        rows = dead_letters.every(connection)
        dropped = dead_letters.dropped(connection)
    table.show(
        ("number", "received", "topic", "bytes", "reason"),
        ((row.number, iso(row.received_s), row.topic, len(row.payload), row.reason) for row in rows),
    )
    for row in dropped:
        print(f"{row.topic}: {row.count} older ones were dropped")


@commands.command()
def replay(
    number: int | None = typer.Argument(None, min=1, max=LARGEST, help="Number in the list; default: all."),
) -> None:
    """Replay dead letters, for example after an update of the agent

    Messages that can be stored now are removed from the list.

    \b
    Examples:
      landbridge dead-letters replay
      landbridge dead-letters replay 3
    """
    with opened() as it:
        with it.database.reading() as connection:
            rows = [row for row in dead_letters.every(connection) if number in (None, row.number)]
        if number is not None and not rows:
            raise _no_dead_letter(number)
        again = Replay(it.database, it.keyring, it.clock)
        for row in rows:
            (why,) = again.take_again([KeptMessage(row.topic, row.payload, row.received_s)])
            if why is None:
                with it.database.writing() as connection:
                    dead_letters.remove(connection, row.number)
            print(f"{row.number}: {why or 'stored'}")


@commands.command()
def remove(number: int = typer.Argument(min=1, max=LARGEST, help="Number in the list.")) -> None:
    """Remove a dead letter

    \b
    Example:
      landbridge dead-letters remove 3
    """
    with opened() as it, it.database.writing() as connection:
        if dead_letters.find(connection, number) is None:
            raise _no_dead_letter(number)
        dead_letters.remove(connection, number)


def _no_dead_letter(number: int) -> UserError:
    return UserError(f"no dead letter {number}; `landbridge dead-letters list` lists them")


@commands.command()
def show(number: int = typer.Argument(min=1, max=LARGEST, help="Number in the list.")) -> None:
    """Show a dead letter with its bytes

    \b
    Example:
      landbridge dead-letters show 3
    """
    with opened() as it, it.database.reading() as connection:
        row = dead_letters.find(connection, number)
    if row is None:
        raise _no_dead_letter(number)
    table.show_one(
        {
            "number": number,
            "received": iso(row.received_s),
            "topic": row.topic,
            "reason": row.reason,
            "payload": row.payload.hex(),
        }
    )
