"""`landbridge cells`: manage cell locations, for points without a fix."""

import csv
import sys
from itertools import islice
from pathlib import Path

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db.opened import opened
from landbridge.features.coverage import queries as stored
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import known_device
from landbridge.points import cells as places
from landbridge.points.queries import points

AT_ONCE = 10_000
"""Cells in one transaction, so that others wait for the database only briefly."""
commands = typer.Typer(help="Manage locations of radio cells, for points without a fix")
_FILE = typer.Argument(help="CSV file in OpenCelliD format: radio,mcc,net,area,cell,unit,lon,lat,range,...")


@commands.command("import")
def take(file: Path = _FILE) -> None:
    """Import a list of cells

    Cells observed by the fleet have priority.

    \b
    Example:
      landbridge cells import 460.csv
    """
    try:
        with file.open(encoding="utf-8", newline="") as text, opened(make=True) as it:
            count = sum(1 for _ in places.read(text, str(file)))  # an invalid list is not imported at all
            text.seek(0)
            rows = places.read(text, str(file))
            with typer.progressbar(length=count, label="cells", file=sys.stderr) as bar:
                while part := list(islice(rows, AT_ONCE)):
                    with it.database.writing(alone=False) as connection:
                        stored.put(connection, dict(part))
                    bar.update(len(part))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file}: {error}") from None
    print(f"{count} cells imported")


@commands.command()
def recompute() -> None:
    """Recompute the locations of cells from all stored points

    The running agent learns from each new point automatically. If the command is interrupted, run it again.

    \b
    Example:
      landbridge cells recompute
    """
    with opened() as it:
        with it.database.writing() as connection:
            stored.forget(connection)
            names = devices.names(connection)
        with typer.progressbar(names, label="devices", file=sys.stderr) as each:
            for name in each:
                with it.database.writing(alone=False) as connection:
                    places.relearn(connection, name)
        with it.database.reading() as connection:
            counts = dict(stored.counts(connection))
    print(f"{counts.get(False, 0)} cells observed by the fleet, {counts.get(True, 0)} imported")


@commands.command()
def show(device: str = typer.Argument(help="Device id.")) -> None:
    """Show cell-based locations of points without a fix

    \b
    Example:
      landbridge cells show lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        known_device(connection, device)
        track = points.track(connection, device)
        found = places.locate(connection, track)
    table.show(
        ("seq", "time", "latitude", "longitude", "radius m", "by"),
        (
            (each.point.seq, iso(each.at_s), *found[each.point.seq])
            for each in track
            if each.point.seq in found
        ),
    )
