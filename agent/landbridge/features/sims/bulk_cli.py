"""`landbridge sims`: many at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from landbridge.core import sheet
from landbridge.core.checked import one_of, strict
from landbridge.core.sheet import Cell, Sheet
from landbridge.db import sheets
from landbridge.db.opened import command_user, opened
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.inventory import NewCard, add
from landbridge.features.sims.rules import STAGES

commands = typer.Typer(help="Manage the SIM inventory: many at once")
_FILE = typer.Argument(help="CSV file with the columns that `sims export` prints.")
_DRY_RUN = typer.Option(False, "--dry-run", help="Only check the file, and print each error.")


@strict
@dataclass(frozen=True)
class _Sim:
    """A row."""

    iccid: Cell
    controls: Cell
    holder: Cell
    purpose: Cell
    stage: Annotated[str, one_of(STAGES)] = "stock"
    profiles: Cell = ""
    imsis: Cell = ""


@commands.command("import")
def add_all(file: Path = _FILE, dry_run: bool = _DRY_RUN) -> None:
    """Add cards from a CSV file

    Either all rows are added or none. Separate several profiles or IMSIs in a cell by spaces.

    \b
    Examples:
      landbridge sims import cards.csv --dry-run
      landbridge sims import cards.csv
    """
    rows = Sheet(file, _Sim, "iccid")
    with opened() as it:
        now_s = it.clock.now_s()

        def act(connection: Connection, row: _Sim) -> None:
            card = NewCard(
                (row.iccid, *row.profiles.split()), row.controls, row.holder, row.purpose, row.stage,
                tuple(row.imsis.split()),
            )  # fmt: skip
            add(connection, card, command_user(), now_s)

        sheets.apply(it.database, rows, act, dry_run)
    if not dry_run:
        print(f"added {len(rows.rows)} cards")


@commands.command("export")
def export_all() -> None:
    """Print the SIM inventory as CSV

    \b
    Example:
      landbridge sims export > cards.csv
    """
    with opened() as it, it.database.reading() as connection:
        cards = inventory.every(connection)
    sheet.write(
        _Sim,
        (
            (
                each.iccids[0], each.controls, each.holder, each.purpose, each.stage,
                " ".join(each.iccids[1:]), " ".join(each.imsis),
            )
            for each in cards
        ),
    )  # fmt: skip
