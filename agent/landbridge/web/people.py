"""Permissions for users, tokens and sessions: an administrator of the operator tenant manages all, one of a
tenant those of that tenant, everybody their own."""

from typing import Any

from fastapi import HTTPException
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.users import people as users
from landbridge.features.users import rules
from landbridge.features.users import second_factor as factor
from landbridge.features.users.queries import people, sessions, tokens
from landbridge.features.users.rules import ROLES, check_role
from landbridge.web.auth import User, demand


def user(connection: Connection, who: User, name: str) -> Row[Any]:
    """Return the user of this name; 404 if `who` may not manage it, or it does not exist."""
    demand(who, "admin")
    return _visible(connection, who, name)


def own_or_managed(connection: Connection, who: User, name: str) -> Row[Any]:
    """The same, and everybody may ask for who they are."""
    if who.number is not None and who.name == name:
        return _visible(connection, who, name)
    return user(connection, who, name)


def _visible(connection: Connection, who: User, name: str) -> Row[Any]:
    row = people.named(connection, name)
    if row is None or (who.tenant is not None and row.tenant != who.tenant):
        raise HTTPException(404, _("no user {name}", name=name))
    return row


def tenant_of(who: User, wanted: str | None) -> str | None:
    """Return the tenant of something new: for a tenant its own; 403 for another one's."""
    if who.tenant is None:
        return wanted or None
    if wanted and wanted != who.tenant:
        raise HTTPException(403, _("you may do this for the tenant {tenant} only", tenant=who.tenant))
    return who.tenant


def token_role(who: User, wanted: str) -> str:
    """Return the role of a new token; 403 if it is more than `who` may do."""
    check_role(wanted)
    if ROLES.index(wanted) > ROLES.index(who.role):
        raise HTTPException(403, _("a token cannot have more permissions than you; choose another role"))
    return wanted


def token(connection: Connection, who: User, number: int) -> Row[Any]:
    """Return a token that was not revoked; 404 if `who` may not manage it, or it does not exist."""
    row = own_token(connection, who, number)
    if row.revoked_s is not None:
        raise UserError(_("token {name} is revoked already", name=row.name))
    return row


def own_token(connection: Connection, who: User, number: int) -> Row[Any]:
    """The same, also one that was revoked."""
    row = tokens.find(connection, number)
    if row is None or not _is_managed(who, row):
        raise HTTPException(404, _("no token {number}", number=number))
    return row


def _is_managed(who: User, row: Row[Any]) -> bool:
    if who.number is not None and row.user == who.number:
        return True
    return who.may("admin") and (who.tenant is None or row.tenant == who.tenant)


def add_token(
    connection: Connection, who: User, name: str, role: str, tenant: str | None, length: str, now_s: int
) -> str:
    """Make a token; return its secret. 403 if it could do more than `who`."""
    if who.number is None:
        demand(who, "admin")
    role, its_tenant = token_role(who, role), tenant_of(who, tenant)
    return rules.add(connection, name, role, its_tenant, who.who, now_s, length, who.owner)


def change(
    connection: Connection,
    row: Row[Any],
    who: User,
    now_s: int,
    role: str | None,
    disabled: bool | None,
    second_factor: bool | None,
) -> None:
    """Change what is not None of a user."""
    if role is not None:
        users.set_role(connection, row, role, who.who, now_s)
    if disabled is not None and disabled != (row.disabled_s is not None):
        (users.disable if disabled else users.enable)(connection, row, who.who, now_s)
    if second_factor is False and row.totp is not None:
        factor.disable(connection, row, who.who, now_s)


def listed_tokens(connection: Connection, who: User, before: int, most: int) -> list[Row[Any]]:
    """Return the newest tokens that `who` may manage."""
    if who.may("admin"):
        return tokens.newest(connection, before, most, who.tenant)
    if who.number is None:
        demand(who, "admin")
    return tokens.newest(connection, before, most, user=who.number)


def serialized(row: Row[Any], invited_s: int | None) -> dict[str, Any]:
    """Return a user as the API shows it; `invited_s`: the end of the invitation."""
    can = row.password is not None or row.subject is not None
    return {
        "user": row.name,
        "role": row.role,
        "tenant": row.tenant,
        "mail": row.mail,
        "state": "disabled" if row.disabled_s is not None else "active" if can else "invited",
        "password": row.password is not None,
        "openid": row.subject is not None,
        "second_factor": row.totp_since_s is not None,
        "invitation_until": iso(invited_s),
        "added": iso(row.added_s),
        "added_by": row.added_by,
        "last_sign_in": iso(row.seen_s),
    }


def serialized_user(connection: Connection, row: Row[Any], now_s: int) -> dict[str, Any]:
    """The same for one of them."""
    return serialized(row, people.invitation_ends(connection, now_s).get(row.user))


def serialized_token(row: Row[Any]) -> dict[str, Any]:
    """Return a token as the API shows it."""
    return {
        "token": row.token,
        "name": row.name,
        "role": row.role,
        "tenant": row.tenant,
        "added": iso(row.added_s),
        "added_by": row.added_by,
        "until": iso(row.ends_s),
        "last_used": iso(row.used_s),
        "revoked": iso(row.revoked_s),
        "revoked_by": row.revoked_by,
    }


def serialized_sessions(
    connection: Connection, user: int, now_s: int, own: int | None
) -> list[dict[str, Any]]:
    """Return the sign-in sessions of a user; `own` is the one that asks."""
    return [
        {
            "session": row.session,
            "means": row.means,
            "address": row.address,
            "browser": browser(row.browser),
            "since": iso(row.began_s),
            "last_seen": iso(row.seen_s),
            "until": iso(row.ends_s),
            "current": row.session == own,
        }
        for row in sessions.of_user(connection, user, now_s)
    ]


_BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def browser(agent: str) -> str:
    """Return the browser and the system of a User-Agent, as far as they are known; else its first word."""
    name = next((name for part, name in _BROWSERS if part in agent), agent.partition("/")[0][:40])
    system = next((system for part, system in _SYSTEMS if part in agent), "")
    return ", ".join(filter(None, (name, system)))
