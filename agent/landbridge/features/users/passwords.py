"""Passwords, in addition to tokens. Only their Argon2id hashes are stored."""

from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Row

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.features.users import queries as tokens

SHORTEST, LONGEST = 12, 128
_hasher = PasswordHasher()


def give(connection: Connection, name: str, password: str, who: str, now_s: int) -> None:
    """Set a password for the holder of the token `name`; `UserError` if it is too weak."""
    row = tokens.named(connection, name)
    if row is None:
        raise UserError(f"no token {name}; `landbridge tokens list` shows those there are")
    if not SHORTEST <= len(password) <= LONGEST:
        raise UserError(f"a password has {SHORTEST} to {LONGEST} characters, this one {len(password)}")
    tokens.set_password(connection, row.token, _hasher.hash(password))
    audit.add(connection, who, _("password of {name} set", name=name), now_s)


def is_of(row: Row[Any] | None, password: str) -> bool:
    """Whether the password is that of a token; takes equally long without one."""
    kept = row.password if row is not None else None
    try:
        return _hasher.verify(kept or _nobodys(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")
