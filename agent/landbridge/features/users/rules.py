"""Users: tokens and roles."""

from sqlalchemy import Connection

from landbridge.core import secret
from landbridge.core.errors import UserError
from landbridge.core.names import checked
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.features.users import queries as tokens

ROLES = ("reader", "operator", "admin")
"""Each role includes those before it: read; operate; administer."""


def add(connection: Connection, name: str, role: str, tenant: str | None, who: str, now_s: int) -> str:
    """Add a token; return its secret, which is not stored. `UserError` if the name is taken or invalid."""
    if role not in ROLES:
        raise UserError(f"no role {role!r}; known are {', '.join(ROLES)}")
    if tokens.named(connection, checked(name, "token")):
        raise UserError(f"there is a token {name}; `landbridge tokens revoke {name}` ends it")
    if tenant is not None:
        checked(tenant, "tenant")
    made, hashed = secret.make()
    tokens.add(connection, hashed, name, role, tenant, who, now_s)
    audit.add(connection, who, _("token {name} added", name=name), now_s)
    return made


def revoke(connection: Connection, name: str, who: str, now_s: int) -> None:
    """Revoke a token and its sign-in sessions; `UserError` if there is none."""
    row = tokens.named(connection, name)
    if row is None:
        raise UserError(f"no token {name}; `landbridge tokens list` shows those there are")
    tokens.revoke(connection, row.token, who, now_s)
    audit.add(connection, who, _("token {name} revoked", name=name), now_s)
