"""Authentication by a token in the header or a sign-in session, and the permissions of a user."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request
from sqlalchemy import Connection, Row

from landbridge.core import secret
from landbridge.core.labels import label
from landbridge.core.texts import _
from landbridge.features.users import queries as tokens
from landbridge.features.users.rules import ROLES
from landbridge.web.services import Services, services

COOKIE = "landbridge"
SESSION_S = 12 * 3600
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"


class NotSignedIn(Exception):
    """No user, or a sign-in session that has ended."""


@dataclass(frozen=True)
class User:
    """The current user. `tenant` None sees everything; `csrf` is "" with a token in the header."""

    name: str
    role: str
    tenant: str | None
    csrf: str

    def may(self, role: str) -> bool:
        """Whether the user has the permissions of `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def who(self) -> str:
        """Name for the audit log."""
        return f"token {self.name}"


def current_user(request: Request) -> User:
    """Return the user of a request; `NotSignedIn` if none. A change by a browser must come from our pages."""
    it = services(request)
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    with it.database.reading() as connection:
        if kind.lower() == "bearer":  # a proxy in front may require a password of its own
            return _user(tokens.valid(connection, secret.hashed(given)), "")
        cookie = request.cookies.get(COOKIE, "")
        row = tokens.of_session(connection, secret.hashed(cookie), it.clock.now_s())
    return _user(row, csrf_of(cookie))


def is_signed_in(it: Services, cookie: str) -> bool:
    """Whether this sign-in session is valid."""
    with it.database.reading() as connection:
        return tokens.of_session(connection, secret.hashed(cookie), it.clock.now_s()) is not None


def acting_user(request: Request) -> User:
    """As `current_user`, for changes over the API: a sign-in session must prove its origin."""
    found = current_user(request)
    check_csrf(found, request.headers.get(CSRF_HEADER, ""))
    return found


def check_csrf(found: User, given: str) -> None:
    """Raise 403 unless a browser's request has the token that only our pages contain."""
    if found.csrf and not hmac.compare_digest(found.csrf.encode(), given.encode()):
        raise HTTPException(403, _("this form has expired; reload the page and try again"))


def demand(found: User, role: str) -> None:
    """Raise 403 unless the user has the permissions of `role`."""
    if not found.may(role):
        why = _(
            "this requires the role {needed}; the token {name} has the role {role}",
            needed=label(role), name=found.name, role=label(found.role),
        )  # fmt: skip
        raise HTTPException(403, why)


def begin(connection: Connection, it: Services, token: Row[Any]) -> str:
    """Begin a sign-in session with `token`; return the cookie."""
    cookie, hashed = secret.make()
    now_s = it.clock.now_s()
    tokens.begin_session(connection, hashed, token.token, now_s + SESSION_S, now_s)
    return cookie


def csrf_of(cookie: str) -> str:
    """Return the token in forms of this sign-in session; it reveals nothing of the cookie."""
    return hashlib.sha256(b"csrf" + cookie.encode()).hexdigest()[:32]


def _user(row: Row[Any] | None, csrf: str) -> User:
    if row is None:
        raise NotSignedIn
    return User(row.name, row.role, row.tenant, csrf)
