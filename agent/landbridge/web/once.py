"""Idempotency keys of the API: a POST that is repeated under its key is not executed again.

The header `Idempotency-Key` names the request, for the user who sends it. The same request again gets the
stored answer, another one under the same key 422, and one that is still under way 409. Only what succeeded is
stored, for a day and encrypted: an answer may hold a secret that is shown once."""

import hashlib
import logging
from typing import NamedTuple

from fastapi import HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db import idempotency
from landbridge.features.devices import queries as devices
from landbridge.web import auth
from landbridge.web.auth import NotSignedIn, SecondFactorMissing
from landbridge.web.problems import NO_DATABASE, RETRY_S, is_api, problem
from landbridge.web.services import Services, services

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
LONGEST = 255
_log = logging.getLogger(__name__)


class _Named(NamedTuple):
    """A request: whose, its key, and what it wants."""

    who: str
    key: str
    digest: str


class Once:
    """The innermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is stored, or do it and store the answer."""
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        if key is None or scope["method"] != "POST" or not is_api(scope):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            who = await run_in_threadpool(auth.acting_user, request)
        # The application says so too.
        except (NotSignedIn, SecondFactorMissing, HTTPException, OperationalError):
            await self._app(scope, receive, send)
            return
        await self._named(request, who.who, key, send)

    async def _named(self, request: Request, who: str, key: str, send: Send) -> None:
        scope, body = request.scope, await request.body()
        if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
            answer = problem(400, f"{HEADER}: 1 to {LONGEST} printable ASCII characters, such as a UUID")
            await answer(scope, request.receive, send)
            return
        wanted = f"{scope['path']}?{scope['query_string'].decode('latin-1')}\n".encode() + body
        named = _Named(who, key, hashlib.sha256(wanted).hexdigest())
        it = services(request)
        try:
            stored = await run_in_threadpool(_stored, it, named)
        except OperationalError:
            stored = problem(503, NO_DATABASE, {"retry-after": str(RETRY_S)})
        if stored is not None:
            await stored(scope, request.receive, send)
            return
        given = _Given(send)
        try:
            await self._app(scope, _again(body), given.send)
        except BaseException:
            await run_in_threadpool(_keep, it, named, None)
            raise
        await run_in_threadpool(_keep, it, named, given)
        await given.pass_on()


class _Given:
    """The answer of the application, held back until it is stored."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []

    async def send(self, message: Message) -> None:
        self._messages.append(message)

    async def pass_on(self) -> None:
        for message in self._messages:
            await self._send(message)

    @property
    def status(self) -> int:
        return int(self._messages[0]["status"]) if self._messages else 500

    @property
    def media_type(self) -> str | None:
        return Headers(raw=self._messages[0]["headers"]).get("content-type")

    @property
    def body(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self._messages[1:])


def _again(body: bytes) -> Receive:
    """The body that was read already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _stored(it: Services, named: _Named) -> Response | None:
    """Return the answer to a request whose key is known; None if it is to be done."""
    with it.database.writing() as connection:
        row = idempotency.begin(connection, named.who, named.key, named.digest, it.clock.now_s())
    if row is None:
        return None
    if row.digest != named.digest:
        return problem(
            422,
            f"{HEADER} {named.key} names another request, of {iso(row.begun_s)}; take a new key for this one",
        )
    if row.status is None:
        return problem(
            409,
            f"the request {named.key} of {iso(row.begun_s)} is under way; repeat it in a moment. If the agent"
            " was restarted since, look whether it was done, and take a new key if not",
            {"retry-after": "1"},
        )
    body = it.keyring.unwrap(row.wrapped_answer)
    headers = {REPLAYED: "true"} | ({"content-type": row.media_type} if row.media_type else {})
    return Response(body, row.status, headers)


def _keep(it: Services, named: _Named, given: _Given | None) -> None:
    """Store an answer; what has failed may be repeated. What was done and cannot be stored stays under way,
    so that it is not done again."""
    try:
        with it.database.writing() as connection:
            if given is None or given.status >= 300:
                idempotency.give_up(connection, named.who, named.key)
                return
            wrapped = it.keyring.wrap(given.body, first=devices.are_none(connection))
            idempotency.finish(connection, named.who, named.key, given.status, given.media_type, wrapped)
    except (OperationalError, UserError) as error:
        _log.error("the answer to the request %s of %s is not stored: %s", named.key, named.who, error)
