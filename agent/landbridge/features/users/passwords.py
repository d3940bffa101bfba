"""Passwords of users. Only their Argon2id hashes are stored."""

from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Row

from landbridge.core.errors import UserError
from landbridge.core.texts import _

SHORTEST, LONGEST = 12, 128
_FEWEST = 5
"""Different characters of a password."""
HASHER = PasswordHasher()
"""RFC 9106: 64 MiB and three passes."""


def hashed(password: str, name: str) -> str:
    """Return what is stored of the password of the user `name`; `UserError` if it is too weak."""
    if not SHORTEST <= len(password) <= LONGEST:
        why = _(
            "a password has {shortest} to {longest} characters, this one {number}",
            shortest=SHORTEST, longest=LONGEST, number=len(password),
        )  # fmt: skip
        raise UserError(why, "password")
    rest = password.casefold().replace(name.casefold(), "")
    if len(set(rest)) < _FEWEST:
        raise UserError(_("this password is easily guessed; use several words"), "password")
    try:
        return HASHER.hash(password)
    except UnicodeEncodeError:
        raise UserError(_("the password has invalid characters; type it again"), "password") from None


def is_of(row: Row[Any] | None, password: str) -> bool:
    """Whether the password is that of a user; takes equally long without one."""
    kept = row.password if row is not None else None
    try:
        return HASHER.verify(kept or _nobodys(), password) and kept is not None
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


@cache
def _nobodys() -> str:
    return HASHER.hash("nobody has this password")
