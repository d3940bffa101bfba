"""`landbridge users`: many at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from landbridge.core import sheet, texts
from landbridge.core.checked import one_of, strict
from landbridge.core.names import checked
from landbridge.core.sheet import Cell, Sheet, of_column
from landbridge.db import sheets
from landbridge.db.opened import command_user, opened
from landbridge.features.users import mail, people
from landbridge.features.users.people import Invited
from landbridge.features.users.queries import people as stored
from landbridge.features.users.rules import ROLES

commands = typer.Typer(help="Manage users: many at once")
_FILE = typer.Argument(help="CSV file with the columns name, role, tenant and mail.")
_DRY_RUN = typer.Option(False, "--dry-run", help="Only check the file, and print each error.")
_LANGUAGE = typer.Option(texts.SOURCE, "--language", help="Language of the mails.")


@strict
@dataclass(frozen=True)
class _User:
    """A row."""

    name: Cell
    role: Annotated[str, one_of(ROLES)] = "reader"
    tenant: Cell | None = None
    mail: Cell = ""


@commands.command("import")
def add_all(file: Path = _FILE, dry_run: bool = _DRY_RUN, language: str = _LANGUAGE) -> None:
    """Add users from a CSV file, each with an invitation

    Either all rows are added or none. Invitations are mailed, or printed where there is no address.

    \b
    Examples:
      landbridge users import people.csv --dry-run
      landbridge users import people.csv
    """
    rows = Sheet(file, _User, "name")
    invited: list[Invited] = []
    with opened() as it:
        now_s = it.clock.now_s()

        def add(connection: Connection, row: _User) -> None:
            if row.tenant is not None:
                of_column("tenant", checked, row.tenant, "tenant")
            of_column("name", checked, row.name, "user")
            given = (row.name, row.role, row.tenant, row.mail, command_user(), now_s)
            invited.append(people.add(connection, *given))

        sheets.apply(it.database, rows, add, dry_run)
        if dry_run:
            return
        known = texts.catalogues()
        for each in invited:
            if mail.send(it.config, known.get(language, known[texts.SOURCE]), each):
                print(f"invitation of {each.name} mailed to {each.mail}")
            else:
                print(f"{each.name}: {mail.link(it.config, each)}")


@commands.command("export")
def export_all() -> None:
    """Print, as CSV, the users who may sign in

    \b
    Example:
      landbridge users export > people.csv
    """
    with opened() as it, it.database.reading() as connection:
        rows = [row for row in stored.every(connection) if row.disabled_s is None]
    sheet.write(_User, ((row.name, row.role, row.tenant, row.mail) for row in rows))
