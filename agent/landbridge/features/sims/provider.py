"""The connectivity platform of a card's vendor: status, usage, lock, reset. One HTTP client that a
description fits to any of them, and a fake.

[provider]
url = "https://api.vendor.example/v1/sims/{iccid}"
token_env = "VENDOR_TOKEN"             # the variable that has the secret
header = "Authorization"
prefix = "Bearer "

[provider.status]                      # GET; where in the answer is what
path = ""
state = "status"
locked = ["suspended", "terminated"]   # the states in which a card can transmit nothing
imei = "device.imei"

[provider.usage]
path = "/usage"
bytes = "month.total_bytes"

[provider.lock]
method = "PATCH"
path = ""
body = { status = "suspended" }

[provider.reset]
method = "POST"
path = "/connectivity-reset"
"""

import http.client
import json
import os
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Protocol

from landbridge.core import files
from landbridge.core.checked import Sentences, Wanted, checked, name_of, strict
from landbridge.core.delivery_errors import Away
from landbridge.core.errors import UserError
from landbridge.core.http import HttpClient

_MOST_BYTES = 1_000_000


@strict
@dataclass(frozen=True)
class _Status:
    """Paths in the answer to the state and the IMEI of a card."""

    path: str = ""
    state: str | None = None
    imei: str | None = None
    locked: tuple[str, ...] = ()


@strict
@dataclass(frozen=True)
class _Usage:
    """Path in the answer to the bytes of the month."""

    path: str = ""
    bytes: str | None = None


@strict
@dataclass(frozen=True)
class _Request:
    """A request that changes something."""

    method: str = "POST"
    path: str = ""
    body: Any = None


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://")) and "{iccid}" in text


@strict
@dataclass(frozen=True)
class _Description:
    """[provider] of the file."""

    url: Annotated[str, Wanted("https:// or http:// with {iccid} in it: each card needs a url", _is_url)]
    token_env: str = ""
    header: str = "Authorization"
    prefix: str = ""
    status: _Status | None = None
    usage: _Usage | None = None
    lock: _Request | None = None
    reset: _Request | None = None


_SAYS = Sentences(
    lambda where: name_of(("provider", *where)),
    no_table="[{at}] must be a table of {known}",
)


class Status(NamedTuple):
    """The platform's data on a card; None: unknown."""

    state: str | None
    imei: str | None
    locked: bool = False
    """Whether the card is known to be locked."""


class Provider(Protocol):
    """A vendor's platform."""

    def status(self, iccid: str) -> Status:
        """Return the state of a card; `UserError` when it is not available."""

    def usage(self, iccid: str) -> int | None:
        """Return the bytes since the first of the month."""

    def lock(self, iccid: str) -> None:
        """Lock a card, so that it can transmit nothing."""

    def reset(self, iccid: str) -> None:
        """Reset its connection."""


class Http:
    """A platform that a file describes."""

    def __init__(self, text: str) -> None:
        """`UserError` says what is wrong with the file."""
        found = files.toml_of(text, "the provider's file").get("provider")
        if not isinstance(found, dict):
            raise UserError("there is no [provider] table")
        self._described = described = checked(_Description, found, _SAYS)
        self._headers = {"Content-Type": "application/json"}
        if variable := described.token_env:
            if variable not in os.environ:
                raise UserError(f"[provider] token_env: the variable {variable} is not set")
            self._headers[described.header] = described.prefix + os.environ[variable].strip()

    def status(self, iccid: str) -> Status:
        """Request the state."""
        if (part := self._described.status) is None:
            return Status(None, None)
        answer = self._answer("status", iccid, part.path)
        found = (_at(answer, path) for path in (part.state, part.imei))
        state, imei = (None if each in (None, "") else str(each) for each in found)
        return Status(state, imei, state in part.locked)

    def usage(self, iccid: str) -> int | None:
        """Request the bytes."""
        if (part := self._described.usage) is None:
            return None
        used = _at(self._answer("usage", iccid, part.path), part.bytes)
        try:
            return None if used is None else int(used)
        except (TypeError, ValueError, OverflowError):
            raise UserError(
                f"the card's platform, usage of {iccid}: {used!r} is not a number of bytes"
            ) from None

    def lock(self, iccid: str) -> None:
        """Send the configured request."""
        self._do("lock", iccid, self._described.lock)

    def reset(self, iccid: str) -> None:
        """Send the configured request."""
        self._do("reset", iccid, self._described.reset)

    def _answer(self, what: str, iccid: str, path: str) -> Any:
        text = self._ask("GET", iccid, path, None)
        try:
            return json.loads(text or b"null")
        except (ValueError, RecursionError):
            raise UserError(f"the card's platform, {what} of {iccid}: not JSON: {text[:60]!r}") from None

    def _do(self, what: str, iccid: str, part: _Request | None) -> None:
        if part is None:
            raise UserError(
                f"[provider.{what}] is missing: describe there how the platform is asked to {what}"
            )
        body = None if part.body is None else json.dumps(part.body).encode()
        self._ask(part.method, iccid, part.path, body)

    def _ask(self, method: str, iccid: str, path: str, body: bytes | None) -> bytes:
        url = self._described.url.replace("{iccid}", iccid) + path
        try:
            with closing(HttpClient(url)) as client:
                answer = client.ask(method, body, self._headers, most=_MOST_BYTES)
        except (Away, http.client.HTTPException, ValueError) as error:
            raise UserError(f"the card's platform, {method} {url}: {error}") from None
        if not answer.is_good:
            raise UserError(f"the card's platform, {method} {url}: {answer.summary}")
        return answer.body


def _at(answer: Any, path: str | None) -> Any:
    if path is None:
        return None
    for name in path.split("."):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer
