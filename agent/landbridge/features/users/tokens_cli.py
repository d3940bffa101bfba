"""`landbridge tokens`: manage API tokens."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from sqlalchemy import Connection

from landbridge.core import table
from landbridge.core.clock import Clock, iso
from landbridge.core.names import OPERATOR
from landbridge.db.database import Database
from landbridge.db.opened import command_user, opened
from landbridge.features.users import rules as fleet
from landbridge.features.users.queries import tokens as stored

commands = typer.Typer(help="Manage API tokens of programs")
_NAME = typer.Argument(help="Name of the token; the audit log shows it.")
_OWNER = typer.Option(
    None, "--tenant", help="Its tenant, or operator; needed if the name exists more than once."
)


@contextmanager
def signed_in(database: Database, clock: Clock) -> Iterator[str]:
    """Yield a token for the user of this machine, valid within the context; one that an earlier run left is
    revoked."""
    name = "this-machine"
    with database.writing() as connection:
        _end(connection, name, clock)
        secret = fleet.add(connection, name, "admin", None, command_user(), clock.now_s())
    try:
        yield secret
    finally:
        with database.writing() as connection:
            _end(connection, name, clock)


def _end(connection: Connection, name: str, clock: Clock) -> None:
    if any(row.tenant is None for row in stored.named(connection, name)):
        fleet.revoke(connection, name, command_user(), clock.now_s(), OPERATOR)


@commands.command()
def add(
    name: str = _NAME,
    role: str = typer.Option(
        "reader", help=f"{', '.join(fleet.ROLES)}, each includes the permissions of the one before."
    ),
    tenant: str | None = typer.Option(None, help="Restrict the token to the trips of this tenant."),
    length: str = typer.Option("", "--for", help="Validity, for example 90d; default: until it is revoked."),
) -> None:
    """Create a token and print it once

    Only a hash is stored.

    \b
    Examples:
      landbridge tokens add erp --role operator
      landbridge tokens add shipper-portal --tenant acme --for 365d
    """
    with opened(make=True) as it, it.database.writing() as connection:
        print(fleet.add(connection, name, role, tenant, command_user(), it.clock.now_s(), length))


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
        ("name", "role", "tenant", "added", "by", "until", "last used", "revoked", "by"),
        (
            (
                row.name,
                row.role,
                row.tenant,
                iso(row.added_s),
                row.added_by,
                iso(row.ends_s),
                iso(row.used_s),
                iso(row.revoked_s),
                row.revoked_by,
            )
            for row in rows
        ),
    )


@commands.command()
def revoke(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Revoke a token and end its sign-in sessions

    \b
    Example:
      landbridge tokens revoke erp
    """
    with opened() as it, it.database.writing() as connection:
        fleet.revoke(connection, name, command_user(), it.clock.now_s(), tenant)
    print(f"token {name} is revoked")
