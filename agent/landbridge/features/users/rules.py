"""Roles, and API tokens."""

from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core import secret
from landbridge.core.durations import seconds
from landbridge.core.errors import UserError
from landbridge.core.names import checked
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.features.users.queries import people, tokens

ROLES = ("reader", "operator", "admin")
"""Each role includes those before it: read; operate; administer."""
LONGEST_S = 5 * 366 * 86_400
"""The longest validity of a token that expires."""


def lesser(role: str, limit: str) -> str:
    """Return `role`, or `limit` if that has fewer permissions."""
    return ROLES[min(ROLES.index(role), ROLES.index(limit))]


def check_role(role: str) -> None:
    """`UserError` if there is no such role."""
    if role not in ROLES:
        raise UserError(
            _("no role {role}; known are {roles}", role=repr(role), roles=", ".join(ROLES)), "role"
        )


def add(
    connection: Connection,
    name: str,
    role: str,
    tenant: str | None,
    who: str,
    now_s: int,
    length: str = "",
    user: int | None = None,
) -> str:
    """Add a token; return its secret, which is not stored. It lasts for a `length` like 90d, else until it is
    revoked; a token of a `user` ends with the user. `UserError` if the name is taken or invalid."""
    check_role(role)
    if tokens.named(connection, checked(name, "token")):
        raise UserError(
            _("there is a token {name} already; revoke it, or choose another name", name=name), "name"
        )
    if tenant is not None:
        checked(tenant, "tenant")
    ends_s = now_s + seconds(length, LONGEST_S, "length") if length else None
    made, hashed = secret.make()
    values = {"name": name, "role": role, "tenant": tenant, "ends_s": ends_s, "user": user}
    tokens.add(connection, hashed, values, who, now_s)
    audit.add(connection, who, _("token {name} added", name=name), now_s)
    return made


def known(connection: Connection, name: str) -> Row[Any]:
    """Return the token of this name that was not revoked; `UserError` if there is none."""
    row = tokens.named(connection, name)
    if row is None:
        raise UserError(_("no token {name}; `landbridge tokens list` shows those there are", name=name))
    return row


def revoke(connection: Connection, name: str, who: str, now_s: int) -> None:
    """Revoke a token and its sign-in sessions; `UserError` if there is none."""
    revoke_row(connection, known(connection, name), who, now_s)


def revoke_row(connection: Connection, row: Row[Any], who: str, now_s: int) -> None:
    """Revoke a token, and end its sign-in sessions."""
    tokens.revoke(connection, row.token, who, now_s)
    people.forget_name(connection, f"token {row.name}")
    audit.add(connection, who, _("token {name} revoked", name=row.name), now_s)
