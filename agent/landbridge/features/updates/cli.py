"""`landbridge updates`: manage releases and their roll-out."""

from pathlib import Path

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.db.opened import command_user, opened
from landbridge.features.updates import queries as releases
from landbridge.features.updates import rollout
from landbridge.features.updates.releases import add as add_release
from landbridge.features.updates.releases import read
from landbridge.protocol.limits import RELEASE_SEQUENCE

commands = typer.Typer(help="Manage firmware releases and their roll-out")
_DAY_S = 86_400
_SEQUENCE = typer.Argument(
    min=1, max=RELEASE_SEQUENCE, help="Release number on its board (`landbridge updates list`)."
)
_FOLDER = typer.Argument(help="Folder that `python -m tools.flash.release` wrote.")
_BOARD = typer.Option(help="Board of the release.")


@commands.command()
def add(folder: Path = _FOLDER) -> None:
    """Add a firmware release from its folder

    No device gets it before `landbridge updates roll-out`.

    \b
    Example:
      landbridge updates add build/release-2
    """
    release = read(folder)
    with opened() as it, it.database.writing() as connection:
        add_release(connection, release, it.clock.now_s())
    size = sum(len(content) for _, content in release.files)
    print(
        f"release {release.sequence} ({release.version}) for {release.board}:"
        f" {len(release.files)} files, {size} bytes"
    )


@commands.command("list")
def list_releases() -> None:
    """List releases with their numbers and roll-outs, newest first

    \b
    Example:
      landbridge updates list
    """
    with opened() as it, it.database.reading() as connection:
        rows = releases.every(connection)
    table.show(
        ("board", "release", "version", "added", "roll-out", "assigned", "running", "failed"),
        (
            (
                row.board, row.sequence, row.version, iso(row.added_s), rollout.stage(row), row.assigned,
                row.taken, row.failed,
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command("roll-out")
def roll_out(
    sequence: int = _SEQUENCE,
    board: str = _BOARD,
    canaries: int = typer.Option(5, min=1, max=1000, help="Devices that must succeed first."),
    days: int = typer.Option(2, min=0, max=365, help="Minimum days per stage, including the canary stage."),
) -> None:
    """Roll out a release in stages

    The release goes to the canaries (the first devices that report), then to 5, 25, 50 and 100 % of the
    devices with this board, each in its next session. The roll-out halts if more than 5 % of the devices
    reached so far refuse the release or fall back; below 20 devices one is enough. To resume it, run the
    command again: failures until then no longer count, and another device takes the place of a canary
    that failed. `landbridge updates status` shows each device.

    \b
    Example:
      landbridge updates roll-out 2 --board REFERENCE_BG95 --canaries 5 --days 2
    """
    with opened() as it, it.database.writing() as connection:
        now_s = it.clock.now_s()
        found = rollout.begin(connection, board, sequence, canaries, days * _DAY_S, command_user(), now_s)
    print(f"release {sequence} ({found.version}) rolls out to devices with board {board}")


@commands.command()
def halt(sequence: int = _SEQUENCE, board: str = _BOARD) -> None:
    """Halt a roll-out

    Devices that already run the release keep it.

    \b
    Example:
      landbridge updates halt 2 --board REFERENCE_BG95
    """
    with opened() as it, it.database.writing() as connection:
        rollout.halt(connection, board, sequence, command_user(), it.clock.now_s())
    print(f"release {sequence} for {board} is halted")


@commands.command()
def status() -> None:
    """Show the release and update progress of each device

    \b
    Example:
      landbridge updates status
    """
    with opened() as it, it.database.reading() as connection:
        rows = releases.by_device(connection)
    table.show(
        ("device", "board", "running", "reported", "assigned", "pieces", "at file", "at byte", "result"),
        (
            (
                row.device, row.board, row.running if not row.on_trial else f"{row.running} on trial",
                iso(row.reported_s), row.assigned, row.pulls, row.file, row.byte, row.ended,
            )
            for row in rows
        ),
    )  # fmt: skip
