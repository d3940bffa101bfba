"""The user that belongs to the claims of an ID token."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.config import Openid
from landbridge.core.errors import UserError
from landbridge.core.labels import label
from landbridge.core.names import checked
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.features.users.queries import people
from landbridge.features.users.rules import ROLES

_OTHERS = re.compile(r"[^a-z0-9]+")
_LONGEST = 28
"""Characters of a name, so that a number fits."""


def user_of(
    connection: Connection, settings: Openid, claims: Mapping[str, Any], invitation: str, now_s: int
) -> Row[Any]:
    """Return the user: known by an earlier sign-in, invited by the link with the hash `invitation`, or new if
    the settings allow it. Role and tenant follow the claims. `UserError` for everyone else."""
    subject = f"{settings.issuer} {claims['sub']}"
    given = _given(settings, claims)
    row = people.of_subject(connection, subject)
    if row is None:
        row = _first(connection, settings, claims, given, subject, invitation, now_s)
    if row.disabled_s is not None:
        raise UserError(_("the user {name} is disabled; ask an administrator", name=row.name))
    changes = {name: value for name, value in given.items() if getattr(row, name) != value}
    if changes:
        people.change(connection, row.user, **changes)
        role = label(changes.get("role") or row.role)
        what = _("role of user {name} set to {role} by the sign-in service", name=row.name, role=role)
        audit.add(connection, f"user {row.name}", what, now_s, tenant=row.tenant)
    changed = people.find(connection, row.user)
    assert changed is not None
    return changed


def _first(
    connection: Connection,
    settings: Openid,
    claims: Mapping[str, Any],
    given: dict[str, str | None],
    subject: str,
    invitation: str,
    now_s: int,
) -> Row[Any]:
    """Return the user of a first sign-in."""
    row = people.invited(connection, invitation, now_s) if invitation else None
    if row is not None:
        people.change(connection, row.user, subject=subject)
        people.withdraw(connection, row.user)
        what = _("user {name} signs in by OpenID Connect from now on", name=row.name)
        audit.add(connection, f"user {row.name}", what, now_s, tenant=row.tenant)
        return row
    if not settings.new_users:
        raise UserError(_("no user belongs to your account; ask an administrator for an invitation"))
    name = _free_name(connection, claims)
    values = {"name": name, "subject": subject, "role": "reader", "tenant": None} | given
    user = people.add(connection, values, f"user {name}", now_s)
    what = _("user {name} added by the sign-in service", name=name)
    audit.add(connection, f"user {name}", what, now_s, tenant=values["tenant"])
    made = people.find(connection, user)
    assert made is not None
    return made


def _given(settings: Openid, claims: Mapping[str, Any]) -> dict[str, str | None]:
    """Return role and tenant as far as claims are to say them; `UserError` if they do not."""
    found: dict[str, str | None] = {}
    if settings.role_claim:
        named = _values(claims.get(settings.role_claim))
        roles = [role for role in ROLES if role in named]
        if not roles:
            raise UserError(_missing(settings.role_claim))
        found["role"] = roles[-1]
    if settings.tenant_claim:
        named = _values(claims.get(settings.tenant_claim))
        if len(named) != 1:
            raise UserError(_missing(settings.tenant_claim))
        is_operator = bool(settings.operator_tenant) and named[0] == settings.operator_tenant
        found["tenant"] = None if is_operator else checked(named[0], "tenant")
    return found


def _values(claim: Any) -> list[str]:
    values = claim if isinstance(claim, list) else [claim]
    return [each for each in values if isinstance(each, str)]


def _missing(claim: str) -> str:
    return _(
        "your account has no usable claim {claim}; ask the administrator of the sign-in service", claim=claim
    )


def _free_name(connection: Connection, claims: Mapping[str, Any]) -> str:
    """Return a free name, like that of the account."""
    for claim in ("preferred_username", "email", "name", "sub"):
        local = str(claims.get(claim) or "").partition("@")[0].lower()
        if wanted := _OTHERS.sub("-", local).strip("-")[:_LONGEST].strip("-"):
            break
    else:
        wanted = "user"
    name, number = wanted, 1
    while people.named(connection, name):
        number += 1
        name = f"{wanted}-{number}"
    return name
