"""Sign-in sessions of browsers."""

from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from landbridge.db.tables import sessions, tokens, users
from landbridge.features.users.queries.tokens import is_good

IDLE_S = 4 * 3600
"""A session ends when its browser has asked for nothing for so long."""
WAITS = "code"
"""`means` of a session that waits for the code of the second factor, and opens nothing else."""


def begin(connection: Connection, hashed: str, values: dict[str, Any], now_s: int) -> None:
    """Add a session, and remove those that have ended."""
    gone = or_(sessions.c.ends_s <= now_s, sessions.c.seen_s <= now_s - IDLE_S)
    connection.execute(delete(sessions).where(gone))
    connection.execute(insert(sessions).values(hash=hashed, **values, began_s=now_s, seen_s=now_s))


def find(connection: Connection, hashed: str, now_s: int) -> Row[Any] | None:
    """Return a valid session with name, role and tenant of its token, and of its user or its token's user."""
    statement = (
        select(
            sessions,
            users.c.name.label("user_name"),
            users.c.role.label("user_role"),
            users.c.tenant.label("user_tenant"),
            users.c.totp_since_s,
            tokens.c.name.label("token_name"),
            tokens.c.role.label("token_role"),
            tokens.c.tenant.label("token_tenant"),
            tokens.c.user.label("token_user"),
        )
        .outerjoin(tokens, tokens.c.token == sessions.c.token)
        .outerjoin(users, users.c.user == func.coalesce(sessions.c.user, tokens.c.user))
        .where(sessions.c.hash == hashed, sessions.c.ends_s > now_s, sessions.c.seen_s > now_s - IDLE_S)
    )
    of_user = and_(sessions.c.token.is_(None), users.c.disabled_s.is_(None), users.c.ended_s.is_(None))
    of_token = and_(sessions.c.token.is_not(None), is_good(now_s))
    return connection.execute(statement.where(or_(of_user, of_token))).one_or_none()


def of_user(connection: Connection, user: int, now_s: int) -> list[Row[Any]]:
    """Return the valid sessions of a user, the last one that was used first."""
    statement = select(sessions).where(
        sessions.c.user == user,
        sessions.c.means != WAITS,
        sessions.c.ends_s > now_s,
        sessions.c.seen_s > now_s - IDLE_S,
    )
    return list(connection.execute(statement.order_by(sessions.c.seen_s.desc(), sessions.c.session.desc())))


def note_use(connection: Connection, session: int, now_s: int) -> None:
    """Keep when a session was last used."""
    connection.execute(update(sessions).where(sessions.c.session == session).values(seen_s=now_s))


def end(connection: Connection, hashed: str) -> None:
    """End the session of a cookie."""
    connection.execute(delete(sessions).where(sessions.c.hash == hashed))


def end_one(connection: Connection, user: int, session: int) -> bool:
    """End a session of a user by its number; False if there is none."""
    ended = delete(sessions).where(sessions.c.user == user, sessions.c.session == session)
    return bool(connection.execute(ended).rowcount)


def end_all(connection: Connection, user: int, but: int | None = None) -> None:
    """End all sessions of a user, and of the tokens that are the user's, `but` one."""
    mine = select(tokens.c.token).where(tokens.c.user == user)
    ended = delete(sessions).where(or_(sessions.c.user == user, sessions.c.token.in_(mine)))
    connection.execute(ended if but is None else ended.where(sessions.c.session != but))
