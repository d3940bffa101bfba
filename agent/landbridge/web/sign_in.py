"""Sign-in: by password and second factor, by token, by OpenID Connect, by invitation; and sign-out."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection, Row
from starlette.concurrency import run_in_threadpool

from landbridge.core import secret
from landbridge.core.errors import UserError
from landbridge.core.printable import line
from landbridge.core.rate_limit import Rate
from landbridge.core.texts import Catalogue, _
from landbridge.features.users import claims, mail, openid, passwords, people, second_factor
from landbridge.features.users.queries import people as stored
from landbridge.features.users.queries import sessions, tokens
from landbridge.web import auth
from landbridge.web.forms import LONGEST_PATH, ActingUser, Field, inside, of_page
from landbridge.web.guard import SIGN_IN
from landbridge.web.language import language_of
from landbridge.web.render import page
from landbridge.web.services import Services, services

router = APIRouter(include_in_schema=False)
FORM_COOKIE, OPENID_COOKIE = "landbridge-form", "landbridge-openid"
_OPENID_PATH = "/sign-in/openid"
_FORGOTTEN_PATH = "/sign-in/forgotten"
_LINKS = Rate(3, 1 / 1200)
"""Links to a new password for a name or mailbox."""
_POSTMAN, _WAITING = ThreadPoolExecutor(1, "new-passwords"), Semaphore(100)
"""A mail server may be slow, and its delay would reveal which users exist."""
_CODES = Rate(5, 1 / 60)
"""Attempts at a second factor, after the right password."""
_FORM_S, _OPENID_S = 3600, 600
After = Annotated[str, Form(max_length=LONGEST_PATH)]
Given = Annotated[str, Form(max_length=254)]
Code = Annotated[str, Form(max_length=40)]
_log = logging.getLogger(__name__)


@router.get("/sign-in")
def sign_in_page(request: Request, after: str = "/") -> HTMLResponse:
    """Show the form for a password or token."""
    return _with_form(request, "sign_in.html", after=inside(after), has_openid=_has_openid(request))


def _sign_in_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return sign_in_page(request, names["after"])


@router.post("/sign-in")
@of_page(_sign_in_again, "sign-in", "/sign-in")
async def sign_in(
    request: Request, token: Field, csrf: Field, name: Field = "", after: After = "/"
) -> Response:
    """Begin a sign-in session with a valid token, or with a name and its password."""
    it = services(request)
    _check_form(request, csrf)
    name = name.strip()
    if name and not it.guesses.take(name, SIGN_IN, time.monotonic()):
        raise HTTPException(
            429, _("too many sign-in attempts for {name}; wait a moment, or use a token", name=name)
        )
    row = await run_in_threadpool(_holder, it, name, token)
    if name:
        async with it.hashing.turn():  # guesses do not delay others
            row = row if await run_in_threadpool(passwords.is_of, row, token) else None
    if row is None:
        _log.warning("sign-in as %s from %s failed", line(name) or "a token", auth.client(request))
        raise HTTPException(401, _("Sign-in failed. Check the token or password."))
    if name:
        return await run_in_threadpool(_password_given, request, row, inside(after))
    return await run_in_threadpool(_entered, request, "token", inside(after), token=row.token)


@router.get("/sign-in/code")
def code_page(request: Request, after: str = "/") -> Response:
    """Show the form for the code of the second factor."""
    if auth.waiting_user(request) is None:
        return RedirectResponse("/sign-in", 303)
    return page(request, "code.html", after=inside(after), csrf=auth.csrf_of(request.cookies[auth.COOKIE]))


def _code_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    csrf = auth.csrf_of(request.cookies.get(auth.COOKIE, ""))
    return page(request, "code.html", after=inside(names["after"]), csrf=csrf)


@router.post("/sign-in/code")
@of_page(_code_again, "code", "/sign-in/code", "code")
def give_code(request: Request, code: Code, csrf: Field, after: After = "/") -> Response:
    """Begin the sign-in session with the code of the second factor, or a recovery code."""
    it, row = services(request), auth.waiting_user(request)
    if row is None:
        raise HTTPException(403, _("this sign-in has expired; start again"))
    auth.check_form(auth.csrf_of(request.cookies.get(auth.COOKIE, "")), csrf)
    if not it.guesses.take(f"the codes of {row.user}", _CODES, time.monotonic()):
        raise HTTPException(429, _("too many wrong codes; wait some minutes"))
    with it.database.writing() as connection:
        is_right = second_factor.passes(connection, it.keyring, row, code, it.clock.now_s())
    if not is_right:
        _log.warning("wrong second factor of %s from %s", row.name, auth.client(request))
        raise UserError(_("this code is wrong; wait for the next one, and check your phone's clock"), "code")
    return _entered(request, "password", inside(after), user=row.user)


@router.get(_FORGOTTEN_PATH)
def forgotten_page(request: Request) -> HTMLResponse:
    """Ask whose password is forgotten."""
    return _with_form(request, "forgotten.html", asked=False)


def _forgotten_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return forgotten_page(request)


@router.post(_FORGOTTEN_PATH)
@of_page(_forgotten_again, "forgotten", _FORGOTTEN_PATH, "name")
def forgotten(request: Request, name: Given, csrf: Field) -> HTMLResponse:
    """Have a password reset link mailed. The answer comes first and does not reveal which users exist."""
    _check_form(request, csrf)
    if _WAITING.acquire(blocking=False):
        _POSTMAN.submit(_mail_links, services(request), language_of(request), name.strip())
    else:
        _log.warning("too many password resets requested: none for %s", auth.client(request))
    return _with_form(request, "forgotten.html", asked=True, minutes=people.RESET_S // 60)


def _mail_links(it: Services, language: Catalogue, given: str) -> None:
    try:
        if it.guesses.take(f"a new password of {given.lower()}", _LINKS, time.monotonic()):
            with it.database.writing() as connection:
                invited = people.forgotten(connection, given, it.clock.now_s())
            for each in invited:
                mail.send_new_password(it.config, language, each)
    except Exception:  # runs after the response
        _log.exception("cannot mail a password reset link")
    finally:
        _WAITING.release()


@router.get(_OPENID_PATH)
def begin_openid(request: Request, after: str = "/") -> Response:
    """Go to the sign-in service."""
    return _to_provider(request, inside(after), "", lambda address: RedirectResponse(address, 303))


@router.get(openid.BACK_PATH)
def end_openid(request: Request) -> Response:
    """Begin a sign-in session with what the sign-in service answers."""
    it = services(request)
    _require_openid(request)
    kept = dict(parse_qsl(request.cookies.get(OPENID_COOKIE, "")))
    now_s = it.clock.now_s()
    provider = openid.found(it.config)
    found = provider.claims(kept.get("secret", ""), request.query_params, now_s)
    invitation = secret.hashed(kept["invitation"]) if "invitation" in kept else ""
    with it.database.writing() as connection:
        row = claims.user_of(connection, it.config.openid, found, invitation, now_s)
        cookie = _begin(request, connection, "openid", user=row.user)
    # The request came from another host: only one that our page makes brings the new cookie along.
    answer = page(request, "onward.html", onward=inside(kept.get("after", "/")))
    answer.delete_cookie(OPENID_COOKIE, path=_OPENID_PATH)
    auth.set_cookie(request, answer, auth.COOKIE, cookie, auth.SESSION_S)
    return answer


@router.get(people.INVITATION_PATH)
def invitation_page(request: Request) -> HTMLResponse:
    """Show the form for a password; the secret follows the # of the address."""
    return _with_form(request, "invitation.html", has_openid=_has_openid(request))


def _invitation_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return invitation_page(request)


@router.post(people.INVITATION_PATH)
@of_page(_invitation_again, "invitation", people.INVITATION_PATH, "password", "again")
async def accept(request: Request, token: Field, csrf: Field, password: Field, again: Field) -> Response:
    """Set the password of an invited user, and sign the user in."""
    it = services(request)
    _check_form(request, csrf)
    row = await run_in_threadpool(_invited, it, token)
    if password != again:
        raise UserError(_("the passwords do not match"), "again")
    async with it.hashing.turn():
        hashed = await run_in_threadpool(passwords.hashed, password, row.name)
    return await run_in_threadpool(_accepted, request, token, hashed)


@router.post(people.INVITATION_PATH + "/openid")
@of_page(_invitation_again, "invitation", people.INVITATION_PATH)
def accept_by_openid(request: Request, token: Field, csrf: Field) -> Response:
    """Sign an invited user in by OpenID Connect: from now on that account is the user's."""
    _check_form(request, csrf)
    _invited(services(request), token)

    def onward(address: str) -> Response:  # a form may not lead to another host
        return page(request, "onward.html", onward=address)

    return _to_provider(request, "/", token, onward)


@router.post("/sign-out")
def sign_out(request: Request, who: ActingUser) -> Response:
    """End the sign-in session."""
    with services(request).database.writing() as connection:
        sessions.end(connection, secret.hashed(request.cookies.get(auth.COOKIE, "")))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(auth.COOKIE)
    return answer


def _with_form(request: Request, template: str, **values: Any) -> HTMLResponse:
    """Return a page with a form for a visitor who is not signed in."""
    made, _hashed = secret.make()
    answer = page(request, template, csrf=auth.csrf_of(made), **values)
    auth.set_cookie(request, answer, FORM_COOKIE, made, _FORM_S)
    return answer


def _check_form(request: Request, csrf: str) -> None:
    """Raise 403 unless the form is of `_with_form`."""
    kept = request.cookies.get(FORM_COOKIE, "")
    auth.check_form(auth.csrf_of(kept) if kept else secret.make()[0], csrf)


def _holder(it: Services, name: str, given: str) -> Row[Any] | None:
    """Return the user of this name who may sign in; without a name, the given token."""
    with it.database.reading() as connection:
        if not name:
            return tokens.valid(connection, secret.hashed(given.strip()), it.clock.now_s())
        row = stored.named(connection, name)
    return row if row is not None and row.disabled_s is None else None


def _password_given(request: Request, row: Row[Any], after: str) -> Response:
    """Let a user in, or ask for the code of the second factor."""
    if row.totp_since_s is None:
        return _entered(request, "password", after, user=row.user)
    return _entered(request, sessions.WAITS, f"/sign-in/code?after={quote(after)}", user=row.user)


def _entered(request: Request, means: str, after: str, **holder: int) -> Response:
    """Go on with a new sign-in session."""
    with services(request).database.writing() as connection:
        cookie = _begin(request, connection, means, **holder)
    answer = RedirectResponse(after, 303)
    auth.set_cookie(request, answer, auth.COOKIE, cookie, auth.SESSION_S)
    return answer


def _begin(request: Request, connection: Connection, means: str, **holder: int) -> str:
    if "user" in holder and means != sessions.WAITS:
        stored.change(connection, holder["user"], seen_s=services(request).clock.now_s())
    return auth.begin(request, connection, means, **holder)


def _invited(it: Services, token: str) -> Row[Any]:
    with it.database.reading() as connection:
        return _of_invitation(it, connection, token)


def _of_invitation(it: Services, connection: Connection, token: str) -> Row[Any]:
    """Return the user of an invitation; `UserError` for one that does not work (any more)."""
    row = stored.invited(connection, secret.hashed(token.strip()), it.clock.now_s())
    if row is None:
        raise UserError(_("this invitation is invalid or has expired; ask for a new one"))
    return row


def _accepted(request: Request, token: str, password: str) -> Response:
    it = services(request)
    with it.database.writing() as connection:
        row = _of_invitation(it, connection, token)
        people.accept(connection, row, password, it.clock.now_s())
    return _password_given(request, row, "/")


def _has_openid(request: Request) -> bool:
    return bool(services(request).config.openid.issuer)


def _require_openid(request: Request) -> None:
    if not _has_openid(request):
        raise HTTPException(404, _("no sign-in service is set up; sign in with a password"))


def _to_provider(
    request: Request, after: str, invitation: str, onward: Callable[[str], Response]
) -> Response:
    """Send the browser to the sign-in service, with a cookie that its answer must match."""
    _require_openid(request)
    kept, _hashed = secret.make()
    answer = onward(openid.found(services(request).config).address(kept))
    fields = {"secret": kept, "after": after} | ({"invitation": invitation} if invitation else {})
    # Its answer comes from another host: a strict cookie would not come along.
    auth.set_cookie(
        request, answer, OPENID_COOKIE, urlencode(fields), _OPENID_S, path=_OPENID_PATH, same="lax"
    )
    return answer
