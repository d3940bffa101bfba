"""Users: invited by a link that works once, given a role, disabled and ended."""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from landbridge.core import secret
from landbridge.core.errors import UserError
from landbridge.core.labels import label
from landbridge.core.mail_server import is_mailbox
from landbridge.core.names import AGENT, checked
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.features.users.queries import people, sessions
from landbridge.features.users.rules import check_role

INVITATION_S = 7 * 86_400
INVITATION_PATH = "/invitation"
RESET_S = 3600
"""Validity of a password reset link that was requested without signing in."""


class Invited(NamedTuple):
    """A user, and the secret of the link with which a password is set; it is not stored."""

    user: int
    name: str
    mail: str | None
    secret: str


def add(
    connection: Connection, name: str, role: str, tenant: str | None, mail: str, who: str, now_s: int
) -> Invited:
    """Add a user and an invitation; `UserError` if the name is taken or something is invalid."""
    check_role(role)
    if people.named(connection, checked(name, "user")):
        raise UserError(_("the name {name} is taken; choose another one", name=name), "name")
    if tenant is not None:
        checked(tenant, "tenant")
    values = {"name": name, "role": role, "tenant": tenant, "mail": checked_mail(mail)}
    user = people.add(connection, values, who, now_s)
    audit.add(connection, who, _("user {name} added: {role}", name=name, role=label(role)), now_s)
    row = people.find(connection, user)
    assert row is not None
    return invite(connection, row, who, now_s)


def checked_mail(mail: str) -> str | None:
    """Return a mail address, None for an empty one; `UserError` if it is invalid."""
    if mail and not is_mailbox(mail):
        raise UserError(_("{mail} is not a mail address, such as anna@example.org", mail=repr(mail)), "mail")
    return mail or None


def invite(connection: Connection, row: Row[Any], who: str, now_s: int) -> Invited:
    """Make a link with which the user sets a password; an earlier link stops working."""
    if row.disabled_s is not None:
        raise UserError(_("the user {name} is disabled; enable the user first", name=row.name))
    made, hashed = secret.make()
    people.invite(connection, row.user, hashed, now_s + INVITATION_S)
    audit.add(connection, who, _("invitation for user {name} created", name=row.name), now_s)
    return Invited(row.user, row.name, row.mail, made)


def forgotten(connection: Connection, given: str, now_s: int) -> list[Invited]:
    """Return links to a new password for the users of this name or mailbox; none for those who have no
    password or mailbox, or who are disabled."""
    found = []
    for row in people.called(connection, given):
        if row.password is not None and row.mail is not None and row.disabled_s is None:
            made, hashed = secret.make()
            people.invite(connection, row.user, hashed, now_s + RESET_S)
            what = _("password reset link requested for {name}", name=row.name)
            audit.add(connection, AGENT, what, now_s, tenant=row.tenant)
            found.append(Invited(row.user, row.name, row.mail, made))
    return found


def accept(connection: Connection, row: Row[Any], password: str, now_s: int) -> None:
    """Give the invited user a password by its hash; the link stops working and sessions end."""
    set_password(connection, row, password, f"user {row.name}", now_s)


def set_password(
    connection: Connection, row: Row[Any], password: str, who: str, now_s: int, but: int | None = None
) -> None:
    """Set a password by its hash, and end the user's sessions `but` one."""
    people.change(connection, row.user, password=password)
    people.withdraw(connection, row.user)
    sessions.end_all(connection, row.user, but)
    audit.add(connection, who, _("password of {name} set", name=row.name), now_s, tenant=row.tenant)


def set_mail(connection: Connection, row: Row[Any], mail: str, who: str, now_s: int) -> None:
    """Give a user another mail address, empty: none. A link that was mailed to the address before stops
    working."""
    wanted = checked_mail(mail)
    people.change(connection, row.user, mail=wanted)
    if row.mail not in (None, wanted):
        people.withdraw(connection, row.user)
    audit.add(connection, who, _("mail address of {name} changed", name=row.name), now_s)


def set_role(connection: Connection, row: Row[Any], role: str, who: str, now_s: int) -> None:
    """Give a user another role, which holds at once."""
    check_role(role)
    if role == row.role:
        return
    _keep_an_administrator(connection, row)
    people.change(connection, row.user, role=role)
    audit.add(connection, who, _("user {name} is now {role}", name=row.name, role=label(role)), now_s)


def disable(connection: Connection, row: Row[Any], who: str, now_s: int) -> None:
    """Let a user not sign in until enabled again: sessions end, the user's tokens rest."""
    if row.disabled_s is not None:
        raise UserError(_("the user {name} is disabled already", name=row.name))
    _keep_an_administrator(connection, row)
    people.change(connection, row.user, disabled_by=who, disabled_s=now_s)
    people.withdraw(connection, row.user)
    sessions.end_all(connection, row.user)
    audit.add(connection, who, _("user {name} disabled", name=row.name), now_s)


def enable(connection: Connection, row: Row[Any], who: str, now_s: int) -> None:
    """Let a disabled user sign in again."""
    if row.disabled_s is None:
        raise UserError(_("the user {name} is not disabled", name=row.name))
    people.change(connection, row.user, disabled_by=None, disabled_s=None)
    audit.add(connection, who, _("user {name} enabled", name=row.name), now_s)


def remove(connection: Connection, row: Row[Any], who: str, now_s: int) -> None:
    """Remove a user permanently: sessions and tokens end, and the name becomes free."""
    _keep_an_administrator(connection, row)
    secrets = {"password": None, "subject": None, "totp": None, "totp_since_s": None}
    people.change(connection, row.user, ended_by=who, ended_s=now_s, **secrets)
    people.withdraw(connection, row.user)
    people.set_recovery_codes(connection, row.user, [])
    people.forget_name(connection, f"user {row.name}")
    sessions.end_all(connection, row.user)
    audit.add(connection, who, _("user {name} removed", name=row.name), now_s)


def _keep_an_administrator(connection: Connection, row: Row[Any]) -> None:
    """`UserError` if this user is the last administrator of the fleet."""
    can = row.password is not None or row.subject is not None
    if row.role == "admin" and row.tenant is None and can and row.disabled_s is None:
        if people.administrators(connection) <= 1:
            raise UserError(_("{name} is the last administrator; add another one first", name=row.name))
