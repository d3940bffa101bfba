"""Authentication by a token in the header or a sign-in session, and the permissions of a user."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from typing import Any, Literal

from fastapi import HTTPException, Request
from fastapi.responses import Response
from sqlalchemy import Connection, Row

from landbridge.core import secret
from landbridge.core.labels import label
from landbridge.core.printable import line
from landbridge.core.texts import _
from landbridge.features.users.queries import people, sessions, tokens
from landbridge.features.users.rules import ROLES, author, lesser
from landbridge.web.services import Services, services

COOKIE = "landbridge"
SESSION_S = 12 * 3600
WAITING_S = 600
"""How long a sign-in waits for the code of the second factor."""
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
_LONGEST_BROWSER = 300


class NotSignedIn(Exception):
    """No user, or a sign-in session that has ended."""


class SecondFactorMissing(Exception):
    """An administrator who must set up the second factor before anything else."""


@dataclass(frozen=True)
class User:
    """The current user. `tenant` None sees everything; `csrf` is "" with a token in the header."""

    name: str
    role: str
    tenant: str | None
    csrf: str
    number: int | None = None
    """Number of the user; None for a token."""
    owner: int | None = None
    """The person, or the one who made the token; None for a token of the command line."""
    session: int | None = None
    """The sign-in session."""
    must_enrol: bool = False
    """Whether the second factor is required and not set up."""

    def may(self, role: str) -> bool:
        """Whether the user has the permissions of `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def who(self) -> str:
        """Name for the audit log."""
        return author(self.name, self.tenant) if self.number is None else f"user {self.name}"


def current_user(request: Request) -> User:
    """Return the user of a request; `NotSignedIn` if none. A change by a browser must come from our pages."""
    found = signed_in_user(request)
    if found.must_enrol:
        raise SecondFactorMissing
    return found


def signed_in_user(request: Request) -> User:
    """As `current_user`, for the pages on which the second factor is set up."""
    it = services(request)
    now_s = it.clock.now_s()
    bearer = _bearer(request)
    with it.database.reading() as connection:
        if bearer is not None:
            return _of_token(it, tokens.valid(connection, secret.hashed(bearer), now_s), now_s)
        cookie = request.cookies.get(COOKIE, "")
        row = sessions.find(connection, secret.hashed(cookie), now_s)
    return _of_session(it, row, csrf_of(cookie), now_s)


def _of_token(it: Services, row: Row[Any] | None, now_s: int) -> User:
    if row is None:
        raise NotSignedIn
    it.uses.of_token(row.token, now_s)
    return _limited(User(row.name, row.role, row.tenant, ""), row.user, row.user_role, row.user_tenant)


def _of_session(it: Services, row: Row[Any] | None, csrf: str, now_s: int) -> User:
    if row is None or row.means == sessions.WAITS:
        raise NotSignedIn
    it.uses.of_session(row.session, now_s)
    if row.token is not None:
        found = User(row.token_name, row.token_role, row.token_tenant, csrf, session=row.session)
        return _limited(found, row.token_user, row.user_role, row.user_tenant)
    required = it.config.web.admins_need_totp and row.user_role == "admin" and row.means == "password"
    must_enrol = required and row.totp_since_s is None
    return User(
        row.user_name, row.user_role, row.user_tenant, csrf, row.user, row.user, row.session, must_enrol
    )


def _limited(found: User, maker: int | None, role: str, tenant: str | None) -> User:
    """Limit a token to what the user who made it may do now."""
    if maker is None:
        return found
    if tenant not in (None, found.tenant):
        raise NotSignedIn
    return replace(found, role=lesser(found.role, role), owner=maker)


def waiting_user(request: Request) -> Row[Any] | None:
    """Return the user who has given the password and not yet the code of the second factor."""
    it = services(request)
    hashed = secret.hashed(request.cookies.get(COOKIE, ""))
    with it.database.reading() as connection:
        row = sessions.find(connection, hashed, it.clock.now_s())
        return people.find(connection, row.user) if row is not None and row.means == sessions.WAITS else None


def is_signed_in(request: Request) -> bool:
    """Whether the token or sign-in session of a request is valid still; asking is no use of it."""
    it, bearer = services(request), _bearer(request)
    now_s = it.clock.now_s()
    with it.database.reading() as connection:
        if bearer is not None:
            return tokens.valid(connection, secret.hashed(bearer), now_s) is not None
        row = sessions.find(connection, secret.hashed(request.cookies.get(COOKIE, "")), now_s)
    return row is not None and row.means != sessions.WAITS


def _bearer(request: Request) -> str | None:
    """Return the token of a request; a proxy in front may require a password of its own there."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    return given if kind.lower() == "bearer" else None


def acting_user(request: Request) -> User:
    """As `current_user`, for changes over the API: a sign-in session must prove its origin."""
    found = current_user(request)
    check_csrf(found, request.headers.get(CSRF_HEADER, ""))
    return found


def check_csrf(found: User, given: str) -> None:
    """Raise 403 unless a browser's request has the token that only our pages contain."""
    if found.csrf:
        check_form(found.csrf, given)


def check_form(expected: str, given: str) -> None:
    """Raise 403 unless a form has the token that our page gave it."""
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise HTTPException(403, _("this form has expired; reload the page and try again"))


def demand(found: User, role: str) -> None:
    """Raise 403 unless the user has the permissions of `role`."""
    if not found.may(role):
        values = {"needed": label(role), "name": found.name, "role": label(found.role)}
        message = (
            _("this requires the role {needed}; the token {name} has the role {role}", **values)
            if found.number is None
            else _("this requires the role {needed}; {name} has the role {role}", **values)
        )
        raise HTTPException(403, message)


def begin(request: Request, connection: Connection, means: str, **holder: int) -> str:
    """Begin a sign-in session of the `user` or `token` in `holder`; return its new cookie. An earlier session
    of the browser ends."""
    it = services(request)
    sessions.end(connection, secret.hashed(request.cookies.get(COOKIE, "")))
    cookie, hashed = secret.make()
    now_s = it.clock.now_s()
    browser = line(request.headers.get("user-agent", ""))[:_LONGEST_BROWSER]
    lasts_s = WAITING_S if means == sessions.WAITS else SESSION_S
    values = {"means": means, "ends_s": now_s + lasts_s, "address": client(request), "browser": browser}
    sessions.begin(connection, hashed, values | holder, now_s)
    return cookie


def client(request: Request) -> str:
    """Return the address from which a request came."""
    return request.client.host if request.client else ""


def set_cookie(
    request: Request,
    answer: Response,
    name: str,
    value: str,
    seconds: int,
    path: str = "/",
    same: Literal["strict", "lax"] = "strict",
) -> None:
    """Set a cookie that no script can read, and that goes over TLS only if the page came so."""
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        httponly=True,
        samesite=same,
        secure=request.url.scheme == "https",
    )


def csrf_of(cookie: str) -> str:
    """Return the token in forms of this sign-in session; it reveals nothing of the cookie."""
    return hashlib.sha256(b"csrf" + cookie.encode()).hexdigest()[:32]
