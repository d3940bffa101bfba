"""Users, invitations, sign-in sessions and tokens over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from landbridge.core.texts import _
from landbridge.features.users import mail, rules
from landbridge.features.users import people as users
from landbridge.features.users.queries import people as stored
from landbridge.features.users.queries import sessions
from landbridge.web import paging, people
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Number
from landbridge.web.auth import demand
from landbridge.web.language import language_of
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")
Role = Literal["reader", "operator", "admin"]
Name = Annotated[str, Path(max_length=32, description="Name of the user.")]
_NAME = Field(max_length=32, description="1 to 32 of a-z, 0-9 and -.")
_TENANT = Field(None, max_length=32, description="Null: the operator tenant, if you belong to it.")


class NewUser(BaseModel):
    """A user to invite."""

    model_config = ConfigDict(extra="forbid")
    name: str = _NAME
    role: Role = "reader"
    tenant: str | None = _TENANT
    mail: str = Field(
        "",
        max_length=254,
        description="Mail address for the invitation; empty: the response contains the link.",
    )


class UserChange(BaseModel):
    """Changes to a user; omitted fields stay as they are."""

    model_config = ConfigDict(extra="forbid")
    role: Role | None = None
    disabled: bool | None = None
    mail: str | None = Field(None, max_length=254, description="Mail address; empty removes it.")
    second_factor: Literal[False] | None = Field(None, description="False disables the second factor.")


class NewToken(BaseModel):
    """A token to create."""

    model_config = ConfigDict(extra="forbid")
    name: str = _NAME
    role: Role = "reader"
    tenant: str | None = _TENANT
    length: str = Field("", max_length=8, description="12h, 90d; empty: until it is revoked.")


class OneUser(BaseModel):
    """A user."""

    user: str
    role: Role
    tenant: str | None
    mail: str | None
    state: Literal["invited", "active", "disabled"]
    password: bool
    openid: bool
    second_factor: bool
    invitation_until: Time
    added: Time
    added_by: str
    last_sign_in: Time


class UserPage(BaseModel):
    """Users by name."""

    users: list[OneUser]
    next: Next


class Invitation(BaseModel):
    """An invitation; `link` is null if it was mailed, and is shown only once."""

    user: str
    mailed: bool
    link: str | None


class Session(BaseModel):
    """A sign-in session."""

    session: int
    means: Literal["password", "openid", "token"]
    address: str
    browser: str
    since: Time
    last_seen: Time
    until: Time
    current: bool


class SessionPage(BaseModel):
    """Sign-in sessions of a user; all of them are on one page."""

    sessions: list[Session]
    next: Next


class Token(BaseModel):
    """A token, without its secret."""

    token: int
    name: str
    role: Role
    tenant: str | None
    added: Time
    added_by: str
    until: Time
    last_used: Time
    revoked: Time
    revoked_by: str | None


class TokenPage(BaseModel):
    """Tokens, newest first."""

    tokens: list[Token]
    next: Next


class MadeToken(BaseModel):
    """A new token; its secret is shown only once."""

    name: str
    secret: str


@router.get("/users")
def list_users(
    request: Request,
    who: CurrentUser,
    role: Role | None = None,
    tenant: Annotated[str | None, Query(max_length=32)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(UserPage)]:
    """List users by name."""
    demand(who, "admin")
    it = services(request)
    after = str((paging.start(cursor, str) or ("",))[0])
    with it.database.reading() as connection:
        found = stored.every(connection, who.tenant, after, None if role or tenant else limit + 1)
        wanted = [row for row in found if role in (None, row.role) and tenant in (None, row.tenant)]
        rows = wanted[: limit + 1]
        ends = stored.invitation_ends(connection, it.clock.now_s())
    shown = [people.serialized(row, ends.get(row.user)) for row in rows]
    return paging.cut("users", shown, limit, "user")


@router.post("/users", status_code=201)
def add_user(request: Request, who: ActingUser, user: NewUser) -> Annotated[Json, Schema(Invitation)]:
    """Invite a user."""
    demand(who, "admin")
    it = services(request)
    tenant = people.tenant_of(who, user.tenant)
    with it.database.writing(who.who, who.tenant) as connection:
        invited = users.add(connection, user.name, user.role, tenant, user.mail, who.who, it.clock.now_s())
    return _invitation(request, invited)


@router.get("/users/{user}")
def show_user(request: Request, who: CurrentUser, user: Name) -> Annotated[Json, Schema(OneUser)]:
    """Show a user; users without the role admin see only themselves."""
    it = services(request)
    with it.database.reading() as connection:
        row = people.own_or_managed(connection, who, user)
        return people.serialized_user(connection, row, it.clock.now_s())


@router.patch("/users/{user}")
def change_user(
    request: Request, who: ActingUser, user: Name, change: UserChange
) -> Annotated[Json, Schema(OneUser)]:
    """Change role or mail address of a user, disable or enable the user, or disable the second factor."""
    it = services(request)
    now_s = it.clock.now_s()
    with it.database.writing(who.who, who.tenant) as connection:
        row = people.user(connection, who, user)
        people.change(connection, row, who, now_s, change.role, change.disabled, change.second_factor)
        if change.mail is not None:
            users.set_mail(connection, row, change.mail, who.who, now_s)
        return people.serialized_user(connection, people.user(connection, who, user), now_s)


@router.delete("/users/{user}", status_code=204)
def end_user(request: Request, who: ActingUser, user: Name) -> None:
    """Remove a user permanently, with all sessions and tokens."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        users.remove(connection, people.user(connection, who, user), who.who, it.clock.now_s())


@router.post("/users/{user}/invitation", status_code=201)
def invite_again(request: Request, who: ActingUser, user: Name) -> Annotated[Json, Schema(Invitation)]:
    """Create a new invitation, also for a forgotten password; earlier ones become invalid."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        row = people.user(connection, who, user)
        invited = users.invite(connection, row, who.who, it.clock.now_s())
    return _invitation(request, invited)


@router.get("/users/{user}/sessions")
def list_sessions(request: Request, who: CurrentUser, user: Name) -> Annotated[Json, Schema(SessionPage)]:
    """List the sign-in sessions of a user, most recently used first."""
    it = services(request)
    with it.database.reading() as connection:
        row = people.own_or_managed(connection, who, user)
        shown = people.serialized_sessions(connection, row.user, it.clock.now_s(), who.session)
    return paging.page("sessions", shown, None)


@router.delete("/users/{user}/sessions", status_code=204)
def end_sessions(request: Request, who: ActingUser, user: Name) -> None:
    """End all sign-in sessions of a user except the current one."""
    with services(request).database.writing(who.who, who.tenant) as connection:
        row = people.own_or_managed(connection, who, user)
        sessions.end_all(connection, row.user, who.session)


@router.delete("/users/{user}/sessions/{session}", status_code=204)
def end_session(request: Request, who: ActingUser, user: Name, session: Number) -> None:
    """End a sign-in session."""
    with services(request).database.writing(who.who, who.tenant) as connection:
        row = people.own_or_managed(connection, who, user)
        if not sessions.end_one(connection, row.user, session):
            raise HTTPException(404, _("{name} has no session {number}", name=row.name, number=session))


@router.get("/tokens")
def list_tokens(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(TokenPage)]:
    """List tokens, newest first; without the role admin only your own."""
    with services(request).database.reading() as connection:
        rows = people.listed_tokens(connection, who, paging.before(cursor), limit + 1)
    return paging.cut("tokens", [people.serialized_token(row) for row in rows], limit, "token")


@router.post("/tokens", status_code=201)
def add_token(request: Request, who: ActingUser, token: NewToken) -> Annotated[Json, Schema(MadeToken)]:
    """Create a token; its role is at most your own."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        secret = people.add_token(
            connection, who, token.name, token.role, token.tenant, token.length, it.clock.now_s()
        )
    return {"name": token.name, "secret": secret}


@router.get("/tokens/{token}")
def show_token(request: Request, who: CurrentUser, token: Number) -> Annotated[Json, Schema(Token)]:
    """Show a token, without its secret."""
    with services(request).database.reading() as connection:
        return people.serialized_token(people.own_token(connection, who, token))


@router.delete("/tokens/{token}", status_code=204)
def revoke_token(request: Request, who: ActingUser, token: Number) -> None:
    """Revoke a token and end its sign-in sessions."""
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        row = people.token(connection, who, token)
        rules.revoke_row(connection, row, who.who, it.clock.now_s())


def _invitation(request: Request, invited: users.Invited) -> Json:
    it = services(request)
    mailed = mail.send(it.config, language_of(request), invited)
    link = None if mailed else mail.link(it.config, invited)
    return {"user": invited.name, "mailed": mailed, "link": link}
