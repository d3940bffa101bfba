"""Users, their invitations and their second factor."""

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from landbridge.db.tables import idempotency_keys, invitations, recovery_codes, saved_views, users


def add(connection: Connection, values: dict[str, Any], who: str, now_s: int) -> int:
    """Add a user; return the number."""
    statement = insert(users).values(**values, added_by=who, added_s=now_s).returning(users.c.user)
    return int(connection.execute(statement).scalar_one())


def find(connection: Connection, user: int) -> Row[Any] | None:
    """Return a user by number, also a removed one."""
    return connection.execute(select(users).where(users.c.user == user)).one_or_none()


def named(connection: Connection, name: str) -> Row[Any] | None:
    """Return the user of this name who is not removed."""
    statement = select(users).where(users.c.name == name, users.c.ended_s.is_(None))
    return connection.execute(statement).one_or_none()


def called(connection: Connection, given: str) -> list[Row[Any]]:
    """Return the users of this name or mailbox who have not ended."""
    is_called = (users.c.name == given) | (func.lower(users.c.mail) == given.lower())
    statement = select(users).where(users.c.ended_s.is_(None), is_called)
    return list(connection.execute(statement.order_by(users.c.user)))


def of_subject(connection: Connection, subject: str) -> Row[Any] | None:
    """Return the user whom the OpenID Connect provider calls so."""
    return connection.execute(select(users).where(users.c.subject == subject)).one_or_none()


def every(
    connection: Connection, tenant: str | None = None, after: str = "", most: int | None = None
) -> list[Row[Any]]:
    """Return the users by name, all of them or those of a tenant; without removed ones."""
    statement = select(users).where(users.c.ended_s.is_(None), users.c.name > after)
    if tenant is not None:
        statement = statement.where(users.c.tenant == tenant)
    return list(connection.execute(statement.order_by(users.c.name).limit(most)))


def change(connection: Connection, user: int, **values: Any) -> None:
    """Change columns of a user."""
    connection.execute(update(users).where(users.c.user == user).values(**values))


def administrators(connection: Connection) -> int:
    """Return how many administrators of the operator tenant can sign in."""
    can = (users.c.password.is_not(None) | users.c.subject.is_not(None)) & users.c.disabled_s.is_(None)
    statement = select(func.count()).where(
        users.c.role == "admin", users.c.tenant.is_(None), users.c.ended_s.is_(None), can
    )
    return int(connection.execute(statement).scalar_one())


def forget_name(connection: Connection, who: str) -> None:
    """Remove everything stored under the name of a removed user or revoked token: the name may be reused."""
    connection.execute(delete(saved_views).where(saved_views.c.owner == who))
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.who == who))


def invite(connection: Connection, user: int, hashed: str, ends_s: int) -> None:
    """Give a user an invitation in place of an earlier one."""
    withdraw(connection, user)
    connection.execute(insert(invitations).values(user=user, hash=hashed, ends_s=ends_s))


def invited(connection: Connection, hashed: str, now_s: int) -> Row[Any] | None:
    """Return the user of a valid invitation."""
    statement = select(users).join(invitations).where(invitations.c.hash == hashed)
    good = invitations.c.ends_s > now_s, users.c.ended_s.is_(None), users.c.disabled_s.is_(None)
    return connection.execute(statement.where(*good)).one_or_none()


def invitation_ends(connection: Connection, now_s: int) -> dict[int, int]:
    """Return the ends of the valid invitations, by user."""
    statement = select(invitations.c.user, invitations.c.ends_s).where(invitations.c.ends_s > now_s)
    return {row.user: row.ends_s for row in connection.execute(statement)}


def withdraw(connection: Connection, user: int) -> None:
    """Remove the invitation of a user."""
    connection.execute(delete(invitations).where(invitations.c.user == user))


def take_step(connection: Connection, user: int, step: int) -> bool:
    """Keep that the code of a time step was used; False if that or a later one was used before."""
    taken = update(users).where(users.c.user == user, users.c.totp_step < step).values(totp_step=step)
    return bool(connection.execute(taken).rowcount)


def set_recovery_codes(connection: Connection, user: int, hashes: list[str]) -> None:
    """Keep these in place of earlier ones."""
    connection.execute(delete(recovery_codes).where(recovery_codes.c.user == user))
    if hashes:
        connection.execute(insert(recovery_codes), [{"user": user, "hash": each} for each in hashes])


def take_recovery_code(connection: Connection, user: int, hashed: str) -> bool:
    """Use a recovery code up; False if there is none."""
    used = delete(recovery_codes).where(recovery_codes.c.user == user, recovery_codes.c.hash == hashed)
    return bool(connection.execute(used).rowcount)


def recovery_codes_left(connection: Connection, user: int) -> int:
    """Return how many recovery codes are left."""
    statement = select(func.count()).where(recovery_codes.c.user == user)
    return int(connection.execute(statement).scalar_one())
