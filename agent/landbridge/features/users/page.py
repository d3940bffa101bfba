"""The pages of people: one's own account, and the users of the fleet or of a tenant."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection, Row
from starlette.concurrency import run_in_threadpool

from landbridge.core.errors import UserError
from landbridge.core.rate_limit import Rate
from landbridge.core.texts import _
from landbridge.features.users import mail, passwords, rules, second_factor
from landbridge.features.users import people as users
from landbridge.features.users.queries import people as stored
from landbridge.features.users.queries import sessions
from landbridge.features.users.rules import ROLES
from landbridge.web import auth, people
from landbridge.web.api import LARGEST, MOST, Number
from landbridge.web.auth import User, demand
from landbridge.web.forms import ActingUser, CurrentUser, Field, back, of_page
from landbridge.web.language import language_of
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_GUESSES = Rate(5, 1 / 60)
"""Attempts at one's own password or code, of a session that someone else may have found open."""
Code = Annotated[str, Form(max_length=40)]


async def _acting_at_account(request: Request, who: Annotated[User, Depends(auth.signed_in_user)]) -> User:
    """As `ActingUser`, also for an administrator who has yet to set up the second factor."""
    auth.check_csrf(who, str((await request.form()).get(auth.CSRF_FIELD, "")))
    return who


AccountUser = Annotated[User, Depends(auth.signed_in_user)]
ActingAccountUser = Annotated[User, Depends(_acting_at_account)]


@router.get("/account")
def account(request: Request, who: AccountUser) -> HTMLResponse:
    """Password, second factor, sign-in sessions and tokens of the user."""
    return _account(request, who)


def _account(request: Request, who: User, **made: Any) -> HTMLResponse:
    it = services(request)
    now_s = it.clock.now_s()
    shown: dict[str, Any] = {"me": None, "enrolling": None, "sessions": [], "codes_left": 0}
    with it.database.reading() as connection:
        if who.number is not None:
            row = _own(connection, who)
            shown |= {
                "me": people.serialized_user(connection, row, now_s),
                "enrolling": _enrolling(request, row),
                "sessions": people.serialized_sessions(connection, row.user, now_s, who.session),
                "codes_left": stored.recovery_codes_left(connection, row.user),
            }
        has_tokens = (who.number is not None or who.may("admin")) and not who.must_enrol
        tokens = people.listed_tokens(connection, who, LARGEST, MOST) if has_tokens else []
    kept = [people.serialized_token(each) for each in tokens if each.revoked_s is None]
    roles = [role for role in ROLES if who.may(role)]
    return page(
        request, "account.html", who=who, tokens=kept, has_tokens=has_tokens, roles=roles,
        made={"codes": None, "token": None} | made, **shown,
    )  # fmt: skip


def _enrolling(request: Request, row: Row[Any]) -> dict[str, str] | None:
    waits = row.totp is not None and row.totp_since_s is None
    return second_factor.shown(services(request).keyring, row) if waits else None


def _own(connection: Connection, who: User) -> Row[Any]:
    """Return the row of a person; 403 for a token."""
    row = stored.find(connection, who.number) if who.number is not None else None
    if row is None:
        raise HTTPException(403, _("a token has neither password nor second factor; sign in as a user"))
    return row


def _account_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return _account(request, auth.signed_in_user(request))


@router.post("/account/password")
@of_page(_account_again, "password", "/account", "old", "password", "again")
async def change_password(
    request: Request, who: ActingAccountUser, password: Field, again: Field, old: Field = ""
) -> Response:
    """Change the password; all other sessions end."""
    it = services(request)
    _slow_down(request, who)
    if password != again:
        raise UserError(_("the passwords do not match"), "again")
    row = await run_in_threadpool(_read_own, request, who)
    async with it.hashing.turn():
        if not await run_in_threadpool(passwords.is_of, row, old):
            raise UserError(_("the current password is wrong"), "old")
        hashed = await run_in_threadpool(passwords.hashed, password, row.name)
    await run_in_threadpool(_keep_password, request, who, hashed)
    return back("/account", "password")


def _read_own(request: Request, who: User) -> Row[Any]:
    with services(request).database.reading() as connection:
        return _own(connection, who)


def _keep_password(request: Request, who: User, hashed: str) -> None:
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        users.set_password(connection, _own(connection, who), hashed, who.who, it.clock.now_s(), who.session)


def _slow_down(request: Request, who: User) -> None:
    if not services(request).guesses.take(f"account of {who.number}", _GUESSES, time.monotonic()):
        raise HTTPException(429, _("too many attempts; wait some minutes"))


@router.post("/account/second-factor")
@of_page(_account_again, "second-factor", "/account")
def begin_second_factor(request: Request, who: ActingAccountUser) -> Response:
    """Make a secret, and show it until a first code confirms it."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        second_factor.begin(connection, it.keyring, _own(connection, who))
    return back("/account", "second-factor")


@router.post("/account/second-factor/confirm")
@of_page(_account_again, "second-factor", "/account", "code")
def confirm_second_factor(request: Request, who: ActingAccountUser, code: Code) -> Response:
    """Enable the second factor, and show the recovery codes once."""
    it = services(request)
    _slow_down(request, who)
    with it.database.writing(who.who, who.tenant) as connection:
        row = _own(connection, who)
        codes = second_factor.confirm(connection, it.keyring, row, code, it.clock.now_s())
        sessions.end_all(connection, row.user, who.session)
    return _account(request, auth.signed_in_user(request), codes=codes)


@router.post("/account/second-factor/codes")
@of_page(_account_again, "second-factor", "/account", "code")
def renew_codes(request: Request, who: ActingUser, code: Code) -> Response:
    """Make new recovery codes, and show them once."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        row = _confirmed(request, connection, who, code)
        codes = second_factor.renew_codes(connection, row, it.clock.now_s())
    return _account(request, who, codes=codes)


@router.post("/account/second-factor/disable")
@of_page(_account_again, "second-factor", "/account", "code")
def disable_second_factor(request: Request, who: ActingUser, code: Code) -> Response:
    """Disable the second factor."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        row = _confirmed(request, connection, who, code)
        second_factor.disable(connection, row, who.who, it.clock.now_s())
    return back("/account", "second-factor")


def _confirmed(request: Request, connection: Connection, who: User, code: str) -> Row[Any]:
    """Return the row of the user, whose code is valid; `UserError` otherwise."""
    it = services(request)
    _slow_down(request, who)
    row = _own(connection, who)
    if row.totp_since_s is None:
        raise UserError(_("the second factor is disabled; enable it first"))
    if not second_factor.passes(connection, it.keyring, row, code, it.clock.now_s()):
        raise UserError(_("this code is wrong; wait for the next one, and check your phone's clock"), "code")
    return row


@router.post("/account/sessions/end-others")
@of_page(_account_again, "sessions", "/account")
def end_other_sessions(request: Request, who: ActingAccountUser) -> Response:
    """End all sign-in sessions of the user but this one."""
    with services(request).database.writing(who.who, who.tenant) as connection:
        sessions.end_all(connection, _own(connection, who).user, who.session)
    return back("/account", "sessions")


@router.post("/account/sessions/{session}/end")
@of_page(_account_again, "sessions", "/account")
def end_session(request: Request, who: ActingAccountUser, session: Number) -> Response:
    """End a sign-in session of the user."""
    with services(request).database.writing(who.who, who.tenant) as connection:
        if not sessions.end_one(connection, _own(connection, who).user, session):
            raise HTTPException(404, _("{name} has no session {number}", name=who.name, number=session))
    return back("/account", "sessions")


@router.post("/account/tokens")
@of_page(_account_again, "tokens", "/account", "name", "role", "tenant", "length")
def add_token(
    request: Request, who: ActingUser, name: Field, role: Field, length: Field = "", tenant: Field = ""
) -> Response:
    """Make a token, and show it once."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        secret = people.add_token(
            connection, who, name.strip(), role, tenant.strip(), length.strip(), it.clock.now_s()
        )
    return _account(request, who, token=secret)


@router.post("/account/tokens/{token}/revoke")
@of_page(_account_again, "tokens", "/account")
def revoke_token(request: Request, who: ActingUser, token: Number) -> Response:
    """Revoke a token."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        rules.revoke_row(connection, people.token(connection, who, token), who.who, it.clock.now_s())
    return back("/account", "tokens")


@router.get("/users")
def list_users(request: Request, who: CurrentUser) -> HTMLResponse:
    """The users, and the form of an invitation."""
    return _users(request, who)


def _users(request: Request, who: User, made: Mapping[str, Any] | None = None) -> HTMLResponse:
    demand(who, "admin")
    it = services(request)
    with it.database.reading() as connection:
        ends = stored.invitation_ends(connection, it.clock.now_s())
        rows = [people.serialized(row, ends.get(row.user)) for row in stored.every(connection, who.tenant)]
    return page(request, "users.html", who=who, users=rows, roles=ROLES, made=made)


def _users_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return _users(request, auth.current_user(request))


@router.post("/users")
@of_page(_users_again, "invite", "/users", "name", "role", "tenant", "mail")
def invite(
    request: Request, who: ActingUser, name: Field, role: Field, tenant: Field = "", mail: Field = ""
) -> Response:
    """Add a user, and mail the invitation or show it once."""
    demand(who, "admin")
    it = services(request)
    its_tenant = people.tenant_of(who, tenant.strip())
    with it.database.writing(who.who, who.tenant) as connection:
        invited = users.add(
            connection, name.strip(), role, its_tenant, mail.strip(), who.who, it.clock.now_s()
        )
    return _invitation(request, who, invited)


@router.post("/users/{user}/invite")
@of_page(_users_again, "users", "/users")
def invite_again(request: Request, who: ActingUser, user: str) -> Response:
    """Make a new invitation, also for a forgotten password."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        row = people.user(connection, who, user)
        invited = users.invite(connection, row, who.who, it.clock.now_s())
    return _invitation(request, who, invited)


def _invitation(request: Request, who: User, invited: users.Invited) -> Response:
    it = services(request)
    mailed = mail.send(it.config, language_of(request), invited)
    refused = None if mailed else invited.mail
    made = {
        "name": invited.name, "mailed": mailed, "link": "" if mailed else mail.link(it.config, invited),
        "refused": refused,
    }  # fmt: skip
    return _users(request, who, made)


@router.post("/users/{user}/role")
@of_page(_users_again, "users", "/users")
def set_role(request: Request, who: ActingUser, user: str, role: Field) -> Response:
    """Give a user another role."""
    return _changed(request, who, user, role=role)


@router.post("/users/{user}/disable")
@of_page(_users_again, "users", "/users")
def disable(request: Request, who: ActingUser, user: str) -> Response:
    """Disable a user."""
    return _changed(request, who, user, disabled=True)


@router.post("/users/{user}/enable")
@of_page(_users_again, "users", "/users")
def enable(request: Request, who: ActingUser, user: str) -> Response:
    """Enable a user again."""
    return _changed(request, who, user, disabled=False)


@router.post("/users/{user}/second-factor/disable")
@of_page(_users_again, "users", "/users")
def disable_second_factor_of(request: Request, who: ActingUser, user: str) -> Response:
    """Disable the second factor of a user who has lost it."""
    return _changed(request, who, user, second_factor=False)


@router.post("/users/{user}/remove")
@of_page(_users_again, "users", "/users")
def remove(request: Request, who: ActingUser, user: str) -> Response:
    """Remove a user."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        users.remove(connection, people.user(connection, who, user), who.who, it.clock.now_s())
    return back("/users")


def _changed(
    request: Request,
    who: User,
    user: str,
    role: str | None = None,
    disabled: bool | None = None,
    second_factor: bool | None = None,
) -> Response:
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        row = people.user(connection, who, user)
        people.change(connection, row, who, it.clock.now_s(), role, disabled, second_factor)
    return back("/users")
