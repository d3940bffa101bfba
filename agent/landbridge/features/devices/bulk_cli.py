"""`landbridge devices`: many at once, tags, the end of a device."""

from dataclasses import dataclass
from pathlib import Path

import typer
from sqlalchemy import Connection

from landbridge.core import sheet
from landbridge.core.checked import strict
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.sheet import Cell, Sheet
from landbridge.db import sheets
from landbridge.db.opened import command_user, opened
from landbridge.features.devices import enrol
from landbridge.features.devices import queries as devices
from landbridge.features.devices.broker_users import follow
from landbridge.features.trips import queries as trips

commands = typer.Typer(help="Import, export, tag and retire devices")
_DEVICES_OR_NONE = typer.Argument(None, help="Device ids.")
_FILE = typer.Argument(help="CSV file with the columns device and tags.")
_DRY_RUN = typer.Option(False, "--dry-run", help="Only check the file, and print each error.")
_ADD = typer.Option([], "--add", help="Tag to add; repeatable.")
_REMOVE = typer.Option([], "--remove", help="Tag to remove; repeatable.")


@strict
@dataclass(frozen=True)
class _Device:
    """A row."""

    device: Cell
    tags: Cell = ""


@commands.command("import")
def add_all(file: Path = _FILE, dry_run: bool = _DRY_RUN) -> None:
    """Add devices from a CSV file of ids and tags, with new keys

    Either all rows are added or none. Separate several tags by spaces.

    \b
    Examples:
      landbridge devices import fleet.csv --dry-run
      landbridge devices import fleet.csv
    """
    rows = Sheet(file, _Device, "device")
    with opened(make=True) as it:
        enrolment = enrol.Enrolment(it.config, it.keyring, command_user(), it.clock.now_s())

        def add(connection: Connection, row: _Device) -> None:
            enrolment.add(connection, row.device, row.tags.split())

        sheets.apply(it.database, rows, add, dry_run, enrolment.write)
        if dry_run:
            return
        print(
            f"added {len(rows.rows)} devices; the files for their flash are in {it.config.devices.directory}"
        )
        if changed := follow(it.config.broker, it.database, it.keyring):
            print(f"{len(changed.missing)} broker users added")


@commands.command("export")
def export_all(tag: str | None = typer.Option(None, help="Only devices with this tag.")) -> None:
    """Print ids and tags as CSV, without retired devices

    \b
    Example:
      landbridge devices export > fleet.csv
    """
    with opened() as it, it.database.reading() as connection:
        wanted = None if tag is None else devices.tagged(connection, tag)
        rows = [row for row in devices.every(connection) if row.retired_s is None]
    sheet.write(
        _Device,
        ((row.device, " ".join(devices.tags(row))) for row in rows if wanted is None or row.device in wanted),
    )


@commands.command("tag")
def tag_devices(
    names: list[str] = _DEVICES_OR_NONE,
    tag: str | None = typer.Option(None, help="All devices with this tag."),
    add: list[str] = _ADD,
    remove: list[str] = _REMOVE,
) -> None:
    """Add tags to devices, or remove tags from them

    \b
    Examples:
      landbridge devices tag lb-0001 lb-0002 --add frozen --remove spare
      landbridge devices tag --tag spare --add frozen
    """
    if not add and not remove:
        raise UserError("give a tag with --add or --remove")
    for each in add:
        if not each.strip() or len(each.split()) != 1:
            raise UserError(f"tag {each!r} must be one word")
    with opened() as it, it.database.writing() as connection:
        chosen = list(names or ())
        chosen += devices.chosen(connection, None, tag) if tag is not None or not chosen else []
        for device in dict.fromkeys(chosen):
            row = devices.device_in_use(connection, device)
            devices.tag(connection, device, ({*devices.tags(row)} | {*add}) - {*remove})
    print(f"tagged {len(dict.fromkeys(chosen))} devices")


@commands.command()
def retire(
    names: list[str] = _DEVICES_OR_NONE,
    tag: str | None = typer.Option(None, help="All devices with this tag."),
    yes: bool = typer.Option(False, "--yes", help="Confirm: the keys are deleted and cannot be restored."),
) -> None:
    """Retire devices: delete keys and broker users; irreversible

    Trips end. The history stays; later messages are refused.

    \b
    Examples:
      landbridge devices retire lb-0001 --yes
      landbridge devices retire --tag lost --yes
    """
    with opened() as it:
        with it.database.writing() as connection:
            chosen = [devices.device_in_use(connection, each).device for each in names or ()]
            chosen += devices.chosen(connection, None, tag) if tag is not None or not chosen else []
            if not yes:
                for each in dict.fromkeys(chosen):
                    print(_use(connection, each))
                print("their keys would be deleted: each tracker could come back under a new id only")
                print("nothing has changed; run the command again with --yes")
                return
            for device in dict.fromkeys(chosen):
                ended = enrol.retire(connection, device, it.clock.now_s())
                print(f"{device} is retired" + (f"; trip {ended.trip} has ended" if ended else ""))
        for device in chosen:
            enrol.forget_files(it.config, device)
        follow(it.config.broker, it.database, it.keyring)


def _use(connection: Connection, device: str) -> str:
    """Return what a device is used for, so that a wrong one is noticed."""
    row, trip = devices.known_device(connection, device), trips.running(connection, device)
    heard = f"last session {iso(row.last_session_s)}" if row.last_session_s is not None else "never heard"
    return f"{device}: {heard}, " + (f"trip {trip.trip} with {trip.container}" if trip else "no trip")
