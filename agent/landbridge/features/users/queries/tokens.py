"""API tokens."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, select, update

from landbridge.db.tables import sessions, tokens, users


def add(connection: Connection, hashed: str, values: dict[str, Any], who: str, now_s: int) -> int:
    """Add a token with its name, role, tenant, user and end; return its number."""
    statement = insert(tokens).values(hash=hashed, **values, added_by=who, added_s=now_s)
    return int(connection.execute(statement.returning(tokens.c.token)).scalar_one())


def is_good(now_s: int) -> ColumnElement[bool]:
    """Whether a row of `tokens` joined with its `users` opens anything."""
    lasts = tokens.c.ends_s.is_(None) | (tokens.c.ends_s > now_s)
    of_nobody = tokens.c.user.is_(None)
    return and_(
        tokens.c.revoked_s.is_(None),
        lasts,
        of_nobody | (users.c.ended_s.is_(None) & users.c.disabled_s.is_(None)),
    )


def valid(connection: Connection, hashed: str, now_s: int) -> Row[Any] | None:
    """Return the valid token with this hash, with the role and tenant of its user as `user_role` and
    `user_tenant`."""
    statement = select(
        tokens, users.c.role.label("user_role"), users.c.tenant.label("user_tenant")
    ).outerjoin(users, users.c.user == tokens.c.user)
    return connection.execute(statement.where(tokens.c.hash == hashed, is_good(now_s))).one_or_none()


def named(connection: Connection, name: str) -> list[Row[Any]]:
    """Return the tokens of this name that were not revoked, one of a tenant at most."""
    statement = select(tokens).where(tokens.c.name == name, tokens.c.revoked_s.is_(None))
    return list(connection.execute(statement.order_by(tokens.c.token)))


def find(connection: Connection, token: int) -> Row[Any] | None:
    """Return a token by its number."""
    return connection.execute(select(tokens).where(tokens.c.token == token)).one_or_none()


def every(connection: Connection) -> list[Row[Any]]:
    """Return all tokens, oldest first."""
    return list(connection.execute(select(tokens).order_by(tokens.c.token)))


def newest(
    connection: Connection, before: int, most: int, tenant: str | None = None, user: int | None = None
) -> list[Row[Any]]:
    """Return the newest tokens with numbers below `before`: of a tenant, of a user, or all."""
    statement = select(tokens).where(tokens.c.token < before)
    if tenant is not None:
        statement = statement.where(tokens.c.tenant == tenant)
    if user is not None:
        statement = statement.where(tokens.c.user == user)
    return list(connection.execute(statement.order_by(tokens.c.token.desc()).limit(most)))


def note_use(connection: Connection, token: int, now_s: int) -> None:
    """Keep when a token was last used."""
    connection.execute(update(tokens).where(tokens.c.token == token).values(used_s=now_s))


def revoke(connection: Connection, token: int, who: str, now_s: int) -> None:
    """Revoke a token and end its sign-in sessions."""
    connection.execute(update(tokens).where(tokens.c.token == token).values(revoked_by=who, revoked_s=now_s))
    connection.execute(sessions.delete().where(sessions.c.token == token))
