"""Who asks: a token in the header, or the session of a browser; and what that may do."""

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
    """The current user. `tenant` None sees everything; `csrf` is "" for those who come with a token."""

    name: str
    role: str
    tenant: str | None
    csrf: str

    def may(self, role: str) -> bool:
        """Whether he may do what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def who(self) -> str:
        """For the audit trail."""
        return f"token {self.name}"


def current_user(request: Request) -> User:
    """Return the user of a request; `NotSignedIn` if none. A change by a browser must come from our pages."""
    it = services(request)
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    with it.database.reading() as connection:
        if kind.lower() == "bearer":  # a proxy in front may ask for a password of its own
            return _user(tokens.valid(connection, secret.hashed(given)), "")
        cookie = request.cookies.get(COOKIE, "")
        row = tokens.of_session(connection, secret.hashed(cookie), it.clock.now_s())
    return _user(row, csrf_of(cookie))


def is_signed_in(it: Services, cookie: str) -> bool:
    """Whether this session is not over."""
    with it.database.reading() as connection:
        return tokens.of_session(connection, secret.hashed(cookie), it.clock.now_s()) is not None


def acting_user(request: Request) -> User:
    """As `current_user`, for what changes something over the API: a session must prove where it comes
    from."""
    found = current_user(request)
    check_csrf(found, request.headers.get(CSRF_HEADER, ""))
    return found


def check_csrf(found: User, given: str) -> None:
    """403 unless a browser's request carries what only our pages know."""
    if found.csrf and not hmac.compare_digest(found.csrf.encode(), given.encode()):
        raise HTTPException(403, _("this form has expired; reload the page and try again"))


def demand(found: User, role: str) -> None:
    """403 unless he may do what `role` may."""
    if not found.may(role):
        why = _(
            "this requires the role {needed}; the token {name} has the role {role}",
            needed=label(role), name=found.name, role=label(found.role),
        )  # fmt: skip
        raise HTTPException(403, why)


def begin(connection: Connection, it: Services, token: Row[Any]) -> str:
    """Begin a session with `token`; returns the cookie."""
    cookie, hashed = secret.make()
    now_s = it.clock.now_s()
    tokens.begin_session(connection, hashed, token.token, now_s + SESSION_S, now_s)
    return cookie


def csrf_of(cookie: str) -> str:
    """What forms of this session carry; reveals nothing of the cookie."""
    return hashlib.sha256(b"csrf" + cookie.encode()).hexdigest()[:32]


def _user(row: Row[Any] | None, csrf: str) -> User:
    if row is None:
        raise NotSignedIn
    return User(row.name, row.role, row.tenant, csrf)
