"""`landbridge cells`: where cells are, for points that have no fix."""

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
from landbridge.points import queries as points

_AT_ONCE = 10_000
"""Cells of one transaction: others wait for the database no longer than it takes."""
commands = typer.Typer(help="Where cells are: points without a fix are placed by them.")
_FILE = typer.Argument(help="CSV as of OpenCelliD: radio,mcc,net,area,cell,unit,lon,lat,range,...")


@commands.command("import")
def take(file: Path = _FILE) -> None:
    """Take a list of cells. What the fleet has heard itself goes before it.

    \b
    Example:
      landbridge cells import 460.csv
    """
    try:
        with file.open(encoding="utf-8", newline="") as text, opened(make=True) as it:
            count = sum(1 for _ in places.read(text, str(file)))  # nothing is taken of a list that is wrong
            text.seek(0)
            rows = places.read(text, str(file))
            with typer.progressbar(length=count, label="cells", file=sys.stderr) as bar:
                while part := list(islice(rows, _AT_ONCE)):
                    with it.database.writing(alone=False) as connection:
                        stored.put(connection, dict(part))
                    bar.update(len(part))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file}: {error}") from None
    print(f"{count} cells are listed")


@commands.command()
def learn() -> None:
    """Learn the cells anew from all stored points; the agent itself learns from each point as it comes, and
    meanwhile too. If this is stopped, some are not known: begin it again.

    \b
    Example:
      landbridge cells learn
    """
    with opened() as it:
        with it.database.writing() as connection:
            stored.forget(connection)
            names = devices.names(connection)
        with typer.progressbar(names, label="devices", file=sys.stderr) as each:
            for name in each:
                with it.database.writing(alone=False) as connection:
                    places.learn_anew(connection, name)
        with it.database.reading() as connection:
            counts = dict(stored.counts(connection))
    print(f"{counts.get(False, 0)} cells were heard by the fleet, {counts.get(True, 0)} are listed")


@commands.command()
def show(device: str = typer.Argument(help="Device id.")) -> None:
    """Show where the points of a device without a fix were, as far as is known.

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
