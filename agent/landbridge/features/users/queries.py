"""Tokens of the API and the pages, and sign-in sessions of browsers."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from landbridge.db.tables import sessions, tokens


def add(
    connection: Connection, hashed: str, name: str, role: str, tenant: str | None, who: str, now_s: int
) -> None:
    """Add a token."""
    values = {"hash": hashed, "name": name, "role": role, "tenant": tenant}
    connection.execute(insert(tokens).values(**values, added_by=who, added_s=now_s))


def valid(connection: Connection, hashed: str) -> Row[Any] | None:
    """Return the valid token with this hash."""
    statement = select(tokens).where(tokens.c.hash == hashed, tokens.c.revoked_s.is_(None))
    return connection.execute(statement).one_or_none()


def named(connection: Connection, name: str) -> Row[Any] | None:
    """Return the valid token of this name."""
    statement = select(tokens).where(tokens.c.name == name, tokens.c.revoked_s.is_(None))
    return connection.execute(statement).one_or_none()


def every(connection: Connection) -> list[Row[Any]]:
    """Return all tokens, oldest first."""
    return list(connection.execute(select(tokens).order_by(tokens.c.token)))


def set_password(connection: Connection, token: int, hashed: str) -> None:
    """Set a password, and end the token's sign-in sessions."""
    connection.execute(update(tokens).where(tokens.c.token == token).values(password=hashed))
    connection.execute(delete(sessions).where(sessions.c.token == token))


def revoke(connection: Connection, token: int, who: str, now_s: int) -> None:
    """Revoke a token and end its sign-in sessions."""
    connection.execute(update(tokens).where(tokens.c.token == token).values(revoked_by=who, revoked_s=now_s))
    connection.execute(delete(sessions).where(sessions.c.token == token))


def begin_session(connection: Connection, hashed: str, token: int, ends_s: int, now_s: int) -> None:
    """Add a sign-in session, and remove expired ones."""
    connection.execute(delete(sessions).where(sessions.c.ends_s <= now_s))
    connection.execute(insert(sessions).values(hash=hashed, token=token, ends_s=ends_s))


def of_session(connection: Connection, hashed: str, now_s: int) -> Row[Any] | None:
    """Return the token of a valid sign-in session."""
    statement = select(tokens).join(sessions).where(sessions.c.hash == hashed, sessions.c.ends_s > now_s)
    return connection.execute(statement.where(tokens.c.revoked_s.is_(None))).one_or_none()


def end_session(connection: Connection, hashed: str) -> None:
    """End a sign-in session."""
    connection.execute(delete(sessions).where(sessions.c.hash == hashed))
