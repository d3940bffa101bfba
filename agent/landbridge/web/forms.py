"""What the pages and their forms share: the current user, the acting user, and the way back."""

import re
from collections.abc import Callable, Mapping
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
"""Browsers read a backslash as a slash, and pass over tabs and the ends of lines."""
Field = Annotated[str, Form(max_length=200)]


async def _from_our_page(request: Request, who: CurrentUser) -> User:
    """The user, if the form he sends is one of ours."""
    form = await request.form()
    auth.check_csrf(who, str(form.get(auth.CSRF_FIELD, "")))
    return who


ActingUser = Annotated[User, Depends(_from_our_page)]


def back(path: str, part: str = "") -> Response:
    """To the page that the form was on."""
    return RedirectResponse(f"{path}{part and '#'}{part}", 303)


def device_path(device: str, leaf: str = "") -> str:
    """Return the path of a device's page, or of one below it."""
    return f"/devices/{quote(device, safe='')}{leaf}"


def inside(path: str) -> str:
    """`path`, with its query, if it leads to one of our pages, else the first."""
    return path if len(path) <= LONGEST_PATH and _INSIDE.fullmatch(path) else "/"


def number(text: str) -> int | None:
    """A whole number, None for nothing; `UserError` if it is neither."""
    if not text.strip():
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UserError(
            _("{text} is not a valid argument; enter a whole number", text=repr(text)), "argument"
        )
    return int(text)


Handler = TypeVar("Handler", bound=Callable[..., Any])
Show = Callable[[Request, Mapping[str, str]], HTMLResponse]
"""The page of a form, by what the form's address names and `after` says."""
_FORM = "__form__"


class Wrong(NamedTuple):
    """What a form was sent with, and why it was refused: its page is shown again with it."""

    code: int
    why: str
    field: str
    """The one that is wrong; empty: none of them alone."""
    given: Mapping[str, str]
    form: str
    """Which one of its page."""
    path: str
    """Of the page."""

    def kept(self, form: str, field: str, otherwise: str) -> str:
        """What was typed there, or what stands there else."""
        return self.given.get(field, otherwise) if form == self.form else otherwise

    def at(self, form: str, field: str) -> str:
        """Why it was refused, if it was that form for that field; "" else. What is wrong with no field alone
        stands above the page."""
        return self.why if (form, field) == (self.form, self.field) else ""


NOTHING_WRONG = Wrong(200, "", "", {}, "", "")


def of_page(show: Show, form: str, path: str, *fields: str) -> Callable[[Handler], Handler]:
    """For what a form calls: when it is refused, the page is shown again, with what was typed and the reason
    at one of the `fields`, or at the `form`. This one and the `path` of the page may have {parts} that the
    form's address names."""

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
    typed = {name: text for name, text in (await request.form()).items() if isinstance(text, str)}
    names = {name: str(value) for name, value in request.path_params.items()}
    where = path.format_map({name: quote(value, safe="") for name, value in names.items()})
    at = field if field in fields else ""
    request.state.wrong = Wrong(code, why, at, typed, form.format_map(names), where)
    return await run_in_threadpool(show, request, names | {"after": typed.get("after", "")})


def require_operator_tenant(who: User) -> None:
    """404 for a tenant: the page shows all devices."""
    if who.tenant is not None:
        raise HTTPException(404, _("only the fleet operator has access; sign in without a tenant"))
