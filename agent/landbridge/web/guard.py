"""Around every request: rate limits, and the headers that confine a page to this host."""

import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from landbridge.core.rate_limit import Buckets, Rate
from landbridge.features.sharing.rules import SHARE_PATH
from landbridge.web.concurrency import Places
from landbridge.web.problems import is_api, problem
from landbridge.web.tiles import TILES_PATH

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), camera=(), microphone=()",
}

USUAL, SIGN_IN, SHARED, TILES = Rate(300, 20), Rate(10, 0.1), Rate(30, 0.5), Rate(2000, 200)
_GUESSED = ("/sign-in", "/invitation", "/account/password", "/account/second-factor")
LARGEST_BODY = 65_536
_MOST_DIGITS = 15
UPLOAD_BYTES = 262_144
"""Bytes of an uploaded release: its files in Base64, and their names."""
_LARGER = {("POST", "/v1/releases"): UPLOAD_BYTES}
"""Bytes of a body at most, where it may be more."""
_OWN_HEAD = ("/live", "/static/", TILES_PATH)
"""Paths whose GET has no end, or whose files answer HEAD by themselves."""
AT_ONCE = 100
"""Requests in progress of one address, live feeds included."""


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, tiles_origin: str = "") -> None:
        self._app = app
        self._tiles_origin = tiles_origin
        self._buckets = Buckets()
        self._places = Places(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on; add the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD" and not scope["path"].startswith(_OWN_HEAD):
            scope = {**scope, "method": "GET"}  # the server knows the method, and leaves out the body

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["content-security-policy"] = policy(self._tiles_origin, is_framed(scope))
                headers.setdefault("cache-control", "no-store")
                if scope["scheme"] == "https":
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        client = scope["client"][0] if scope["client"] else ""
        answer: ASGIApp = self._app
        if not self._buckets.take(client, rate_of(scope), time.monotonic()):
            answer = _too_many(scope, "too many requests")
        elif code := refusal(Headers(scope=scope), most := longest_body(scope)):
            answer = _refused(scope, code, f"give at most {most} bytes, and their number")
        if not self._places.take(client):
            await _too_many(scope, f"more than {AT_ONCE} requests at once")(scope, receive, send_with_headers)
            return
        try:
            await answer(scope, receive, send_with_headers)
        finally:
            self._places.give_back(client)


def policy(tiles_origin: str = "", framed: bool = False) -> str:
    """Return the content security policy of an answer: pages ask this host, and for tiles one more."""
    tiles = tiles_origin and f" {tiles_origin}"
    ancestors = "*" if framed else "'none'"
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{tiles}; "
        # The map draws its images itself.
        f"font-src 'self'; img-src 'self' data: blob:{tiles}; worker-src 'self'; "
        f"form-action 'self'; frame-ancestors {ancestors}; base-uri 'none'"
    )


def is_framed(scope: Scope) -> bool:
    """Whether other sites may show this answer within a page: who answers puts `framed` into the request's
    state."""
    return bool(scope.get("state", {}).get("framed"))


def _too_many(scope: Scope, what: str) -> Response:
    return _refused(scope, 429, f"{what}, wait a little", {"retry-after": "10"})


def _refused(scope: Scope, code: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    return problem(code, why, headers) if is_api(scope) else PlainTextResponse(why, code, headers)


def longest_body(scope: Scope) -> int:
    """Return the bytes of a body at most."""
    return _LARGER.get((scope["method"], scope["path"]), LARGEST_BODY)


def refusal(headers: Headers, most: int = LARGEST_BODY) -> int | None:
    """Return the error code for a body that is too long or has no length; it is read before the user is
    known."""
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
        return 411
    # Python refuses to read a number of thousands of digits.
    return 413 if len(length) > _MOST_DIGITS or int(length) > most else None


def rate_of(scope: Scope) -> Rate:
    """Limits of guesses of a token, and of a share link."""
    path = scope["path"]
    if path.startswith(SHARE_PATH):
        return SHARED
    if path.startswith(TILES_PATH):
        return TILES
    guesses = scope["method"] == "POST" and path.startswith(_GUESSED)
    return SIGN_IN if guesses or path.startswith("/sign-in/openid") else USUAL
