"""Shared by the pages and their forms: the current user, the acting user, and the way back."""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Annotated, Any, NamedTuple, TypeVar
from urllib.parse import quote

from fastapi import Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.web import auth
from landbridge.web.auth import User

CurrentUser = Annotated[User, Depends(auth.current_user)]
LONGEST_PATH = 2_000
_INSIDE = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")
"""Browsers treat a backslash as a slash, and ignore tabs and line ends."""
Field = Annotated[str, Form(max_length=200)]


async def _from_our_page(request: Request, who: CurrentUser) -> User:
    """Return the user, if the form is one of our pages'."""
    form = await request.form()
    auth.check_csrf(who, str(form.get(auth.CSRF_FIELD, "")))
    request.state.seen = form.get("seen")
    return who


ActingUser = Annotated[User, Depends(_from_our_page)]


def digest(*values: object) -> str:
    """Return a digest of what a form replaces. Its hidden field `seen` has one, or those of all that its page
    shows, with spaces between them."""
    return sha256(repr(values).encode()).hexdigest()[:16]


def refuse_stale(request: Request, name: str, *stored: object) -> None:
    """409 if a form would replace what its page has not shown, for it was changed after the page was opened.
    Scripts send no `seen`, and are not refused."""
    seen = getattr(request.state, "seen", None)
    if seen is not None and digest(*stored) not in str(seen).split():
        raise HTTPException(
            409,
            _(
                "{name} was changed after you opened this page. Your entries are kept in the form: compare"
                " them with what is stored now, and save again",
                name=name,
            ),
        )


def back(path: str, part: str = "") -> Response:
    """Redirect to the page of the form."""
    return RedirectResponse(f"{path}{part and '#'}{part}", 303)


def device_path(device: str, leaf: str = "") -> str:
    """Return the path of a device's page, or of one below it."""
    return f"/devices/{quote(device, safe='')}{leaf}"


def inside(path: str) -> str:
    """Return `path`, with its query, if it leads to one of our pages, else the first page."""
    return path if len(path) <= LONGEST_PATH and _INSIDE.fullmatch(path) else "/"


def number(text: str) -> int | None:
    """Return a whole number, None for an empty text; `UserError` if it is neither."""
    if not text.strip():
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UserError(
            _("{text} is not a valid argument; enter a whole number", text=repr(text)), "argument"
        )
    return int(text)


Handler = TypeVar("Handler", bound=Callable[..., Any])
Show = Callable[[Request, Mapping[str, str]], HTMLResponse]
"""Returns the page of a form, from the parameters in the form's address and `after`."""
_FORM = "__form__"


class Wrong(NamedTuple):
    """The content of a refused form and the reason: its page is shown again with them."""

    code: int
    why: str
    field: str
    """The wrong field; empty: none in particular."""
    given: Mapping[str, str]
    form: str
    """Which form of its page."""
    path: str
    """Path of the page."""

    def kept(self, form: str, field: str, otherwise: str) -> str:
        """Return what was typed in a field, or its usual value; of check boxes all that were, with commas."""
        return self.given.get(field, otherwise) if form == self.form else otherwise

    def at(self, form: str, field: str) -> str:
        """Return the reason if that field of that form was wrong; "" else. A reason without a field is shown
        above the page."""
        return self.why if (form, field) == (self.form, self.field) else ""


NOTHING_WRONG = Wrong(200, "", "", {}, "", "")


def of_page(show: Show, form: str, path: str, *fields: str) -> Callable[[Handler], Handler]:
    """Decorate the handler of a form: after a refusal the page is shown again, with the typed values and the
    reason at one of the `fields`, or at the `form`. This one and the `path` of the page may have {parts} of
    the form's address."""

    def mark(handler: Handler) -> Handler:
        setattr(handler, _FORM, (show, form, path, fields))
        return handler

    return mark


async def shown_again(request: Request, code: int, why: str, field: str) -> HTMLResponse | None:
    """Return the page of the form that was refused; None if there is none, or the user may not see it."""
    found = getattr(getattr(request.scope.get("route"), "endpoint", None), _FORM, None)
    if found is None:
        return None
    show, form, path, fields = found
    form_data = await request.form()
    texts = {name: [each for each in form_data.getlist(name) if isinstance(each, str)] for name in form_data}
    typed = {name: ",".join(each) for name, each in texts.items()}
    names = {name: str(value) for name, value in request.path_params.items()}
    where = path.format_map({name: quote(value, safe="") for name, value in names.items()})
    at = field if field in fields else ""
    request.state.wrong = Wrong(code, why, at, typed, form.format_map(names), where)
    return await run_in_threadpool(show, request, names | {"after": typed.get("after", "")})


def require_operator_tenant(who: User) -> None:
    """404 for a tenant: the page shows all devices."""
    if who.tenant is not None:
        raise HTTPException(404, _("only the fleet operator has access; sign in without a tenant"))
