"""`landbridge users`: manage the people who sign in."""

import getpass
import sys
from typing import Any

import typer
from sqlalchemy import Connection, Row

from landbridge.core import table, texts
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.given import given
from landbridge.db.opened import Opened, command_user, opened
from landbridge.features.users import mail, passwords, people, second_factor
from landbridge.features.users.queries import people as stored
from landbridge.features.users.queries import sessions as stored_sessions
from landbridge.features.users.rules import ROLES

commands = typer.Typer(help="Manage users of the web pages")
_NAME = typer.Argument(help="Name of the user.")
_LANGUAGE = typer.Option(texts.SOURCE, "--language", help="Language of the mail.")


@commands.command()
def add(
    name: str = _NAME,
    role: str = typer.Option(
        "reader", help=f"{', '.join(ROLES)}, each includes the permissions of the one before."
    ),
    tenant: str | None = typer.Option(None, help="Restrict the user to the trips of this tenant."),
    address: str = typer.Option("", "--mail", help="Mail the invitation there; default: print it."),
    language: str = _LANGUAGE,
) -> None:
    """Add a user and an invitation

    The link of the invitation sets a password; it works once, for 7 days.

    \b
    Examples:
      landbridge users add anna --role operator --mail anna@example.org
      landbridge users add ben --role admin --tenant acme
    """
    with opened(make=True) as it:
        with it.database.writing() as connection:
            invited = people.add(connection, name, role, tenant, address, command_user(), it.clock.now_s())
        _pass_on(it, invited, language)


@commands.command()
def invite(name: str = _NAME, language: str = _LANGUAGE) -> None:
    """Make a new invitation, also for a forgotten password

    An earlier invitation stops working.

    \b
    Example:
      landbridge users invite anna
    """
    with opened() as it:
        with it.database.writing() as connection:
            row = _known(connection, name)
            invited = people.invite(connection, row, command_user(), it.clock.now_s())
        _pass_on(it, invited, language)


def _pass_on(it: Opened, invited: people.Invited, language: str) -> None:
    """Mail the invitation, or print it."""
    known = texts.catalogues()
    if mail.send(it.config, known.get(language, known[texts.SOURCE]), invited):
        print(f"invitation of {invited.name} mailed to {invited.mail}")
        return
    if invited.mail:
        print("the mail server did not accept the invitation (see `landbridge doctor`); pass on this link:")
    print(mail.link(it.config, invited))


@commands.command()
def password(name: str = _NAME) -> None:
    """Set the password of a user

    The password is prompted for, or read from standard input. Sign-in sessions end.

    \b
    Examples:
      landbridge users password anna
      pwgen -s 20 1 | landbridge users password anna
    """
    if sys.stdin.isatty():
        typed = getpass.getpass("password: ")
        if getpass.getpass("again: ") != typed:
            raise UserError("the passwords do not match; nothing has changed")
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    hashed = passwords.hashed(typed, name)
    with opened() as it, it.database.writing() as connection:
        people.set_password(connection, _known(connection, name), hashed, command_user(), it.clock.now_s())
    print(f"{name} can sign in with this password")


@commands.command("list")
def list_users() -> None:
    """List users

    \b
    Example:
      landbridge users list
    """
    with opened() as it, it.database.reading() as connection:
        rows = stored.every(connection)
        ends = stored.invitation_ends(connection, it.clock.now_s())
    table.show(
        (
            "name", "role", "tenant", "mail", "signs in by", "second factor", "last sign-in",
            "invitation until", "disabled",
        ),
        (
            (
                row.name, row.role, row.tenant, row.mail, _means(row), "on" if row.totp_since_s else None,
                iso(row.seen_s), iso(ends.get(row.user)), iso(row.disabled_s),
            )
            for row in rows
        ),
    )  # fmt: skip


def _means(row: Row[Any]) -> str | None:
    means = ("password" if row.password else None, "OpenID Connect" if row.subject else None)
    return ", ".join(filter(None, means)) or None


@commands.command()
def edit(
    name: str = _NAME,
    role: str | None = typer.Option(None, help=f"{', '.join(ROLES)}; effective at once."),
    address: str | None = typer.Option(None, "--mail", help="Mail address of the user."),
) -> None:
    """Change the role or the mail address of a user

    \b
    Examples:
      landbridge users edit anna --role admin
      landbridge users edit anna --mail anna@example.org
    """
    changes = given(role=role, mail=address)
    with opened() as it, it.database.writing() as connection:
        row, now_s = _known(connection, name), it.clock.now_s()
        if "role" in changes:
            people.set_role(connection, row, changes["role"], command_user(), now_s)
        if "mail" in changes:
            people.set_mail(connection, row, changes["mail"], command_user(), now_s)
    print(f"user {name} is changed")


@commands.command()
def disable(name: str = _NAME) -> None:
    """Disable a user: end sign-in sessions, suspend tokens

    \b
    Example:
      landbridge users disable anna
    """
    with opened() as it, it.database.writing() as connection:
        people.disable(connection, _known(connection, name), command_user(), it.clock.now_s())
    print(f"{name} is disabled")


@commands.command()
def enable(name: str = _NAME) -> None:
    """Enable a disabled user

    \b
    Example:
      landbridge users enable anna
    """
    with opened() as it, it.database.writing() as connection:
        people.enable(connection, _known(connection, name), command_user(), it.clock.now_s())
    print(f"{name} is enabled")


@commands.command()
def remove(name: str = _NAME) -> None:
    """Remove a user permanently

    \b
    Example:
      landbridge users remove anna
    """
    with opened() as it, it.database.writing() as connection:
        people.remove(connection, _known(connection, name), command_user(), it.clock.now_s())
    print(f"{name} is removed")


@commands.command("disable-second-factor")
def disable_second_factor(name: str = _NAME) -> None:
    """Disable the second factor of a user who lost it

    \b
    Example:
      landbridge users disable-second-factor anna
    """
    with opened() as it, it.database.writing() as connection:
        row = _known(connection, name)
        if row.totp is None:
            raise UserError(f"{name} has no second factor")
        second_factor.disable(connection, row, command_user(), it.clock.now_s())
    print(f"the second factor of {name} is disabled")


@commands.command()
def sessions(name: str = _NAME) -> None:
    """List the sign-in sessions of a user

    \b
    Example:
      landbridge users sessions anna
    """
    with opened() as it, it.database.reading() as connection:
        rows = stored_sessions.of_user(connection, _known(connection, name).user, it.clock.now_s())
    table.show(
        ("session", "means", "address", "since", "last seen", "until", "browser"),
        (
            (
                row.session, row.means, row.address, iso(row.began_s), iso(row.seen_s), iso(row.ends_s),
                row.browser,
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command("sign-out")
def sign_out(name: str = _NAME) -> None:
    """End all sign-in sessions of a user

    \b
    Example:
      landbridge users sign-out anna
    """
    with opened() as it, it.database.writing() as connection:
        stored_sessions.end_all(connection, _known(connection, name).user)
    print(f"{name} is signed out")


def _known(connection: Connection, name: str) -> Row[Any]:
    row = stored.named(connection, name)
    if row is None:
        raise UserError(f"no user {name}; `landbridge users list` lists them")
    return row
