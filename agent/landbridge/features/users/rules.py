"""Roles, and API tokens."""

from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core import secret
from landbridge.core.durations import seconds
from landbridge.core.errors import UserError
from landbridge.core.names import checked, is_of, only
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
            _("no role {role}; choose from {roles}", role=repr(role), roles=", ".join(ROLES)), "role"
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
    if any(row.tenant == tenant for row in tokens.named(connection, checked(name, "token"))):
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


def author(name: str, tenant: str | None) -> str:
    """Return what the audit log calls a token: tenants may have tokens of the same name."""
    return f"token {name}" if tenant is None else f"token {tenant}/{name}"


def known(connection: Connection, name: str, owner: str | None = None) -> Row[Any]:
    """Return the token of this name that was not revoked, of the tenant `owner` if given; `UserError` if
    there is none, or several tenants have one."""
    rows = [row for row in tokens.named(connection, name) if is_of(row.tenant, owner)]
    if not rows:
        raise UserError(_("no token {name}; `landbridge tokens list` lists them", name=name))
    return only(rows, name)


def revoke(connection: Connection, name: str, who: str, now_s: int, owner: str | None = None) -> None:
    """Revoke a token and its sign-in sessions; `UserError` if there is none."""
    revoke_row(connection, known(connection, name, owner), who, now_s)


def revoke_row(connection: Connection, row: Row[Any], who: str, now_s: int) -> None:
    """Revoke a token, and end its sign-in sessions."""
    tokens.revoke(connection, row.token, who, now_s)
    people.forget_name(connection, author(row.name, row.tenant))
    audit.add(connection, who, _("token {name} revoked", name=row.name), now_s)
