"""`landbridge tokens`: manage access tokens and passwords."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from landbridge.core import table
from landbridge.core.clock import Clock, iso
from landbridge.core.errors import UserError
from landbridge.db.database import Database
from landbridge.db.opened import command_user, opened
from landbridge.features.users import passwords
from landbridge.features.users import queries as stored
from landbridge.features.users import rules as fleet

commands = typer.Typer(help="Manage access tokens and passwords")
_NAME = typer.Argument(help="Name of the token; the audit log shows it.")


@contextmanager
def signed_in(database: Database, clock: Clock) -> Iterator[str]:
    """Yield a token for the user of this machine, valid within the context; one that was left behind is
    revoked."""
    name = "this-machine"
    with database.writing() as connection:
        if stored.named(connection, name):
            fleet.revoke(connection, name, command_user(), clock.now_s())
        secret = fleet.add(connection, name, "admin", None, command_user(), clock.now_s())
    try:
        yield secret
    finally:
        with database.writing() as connection:
            if stored.named(connection, name):
                fleet.revoke(connection, name, command_user(), clock.now_s())


@commands.command()
def add(
    name: str = _NAME,
    role: str = typer.Option("reader", help=f"{', '.join(fleet.ROLES)}, each with the rights of the former."),
    tenant: str | None = typer.Option(None, help="Restrict the token to the trips of this tenant."),
) -> None:
    """Create a token and print it once

    Only a hash is stored.

    \b
    Examples:
      landbridge tokens add anna --role operator
      landbridge tokens add shipper-portal --tenant acme
    """
    with opened(make=True) as it, it.database.writing() as connection:
        print(fleet.add(connection, name, role, tenant, command_user(), it.clock.now_s()))


@commands.command()
def password(name: str = _NAME) -> None:
    """Set a password for a token

    The password is prompted for, or read from standard input.

    \b
    Examples:
      landbridge tokens password anna
      pwgen -s 20 1 | landbridge tokens password anna
    """
    if sys.stdin.isatty():
        given = getpass.getpass("password: ")
        if getpass.getpass("again: ") != given:
            raise UserError("the two passwords differ; nothing was changed")
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    with opened() as it, it.database.writing() as connection:
        passwords.give(connection, name, given, command_user(), it.clock.now_s())
    print(f"{name} can sign in with this password or with the token")


@commands.command("list")
def list_tokens() -> None:
    """List all tokens, including revoked ones

    \b
    Example:
      landbridge tokens list
    """
    with opened() as it, it.database.reading() as connection:
        rows = stored.every(connection)
    table.show(
        ("name", "role", "tenant", "password", "added", "by", "revoked", "by"),
        (
            (
                row.name,
                row.role,
                row.tenant,
                "yes" if row.password else None,
                iso(row.added_s),
                row.added_by,
                iso(row.revoked_s),
                row.revoked_by,
            )
            for row in rows
        ),
    )


@commands.command()
def revoke(name: str = _NAME) -> None:
    """Revoke a token and end its sign-in sessions

    \b
    Example:
      landbridge tokens revoke anna
    """
    with opened() as it, it.database.writing() as connection:
        fleet.revoke(connection, name, command_user(), it.clock.now_s())
    print(f"token {name} is revoked")
