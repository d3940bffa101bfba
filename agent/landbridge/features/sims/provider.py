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
from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple, Protocol

from landbridge.core import files
from landbridge.core.errors import UserError
from landbridge.core.http import HttpClient
from landbridge.core.http_errors import Away
from landbridge.core.typed import checked

_MOST_BYTES = 1_000_000
_ASKS = {"status": ("state", "imei"), "usage": ("bytes",)}
_DOES = ("lock", "reset")


class Status(NamedTuple):
    """What the platform says of a card; None: it does not say."""

    state: str | None
    imei: str | None
    locked: bool = False
    """Whether it is known to let the card transmit nothing."""


class Provider(Protocol):
    """One platform."""

    def status(self, iccid: str) -> Status:
        """The state of a card; `UserError` when it cannot be had."""

    def usage(self, iccid: str) -> int | None:
        """Bytes since the first of the month."""

    def lock(self, iccid: str) -> None:
        """Let it transmit nothing any more."""

    def reset(self, iccid: str) -> None:
        """Reset its connection."""


class Fake:
    """A platform in memory."""

    def __init__(self) -> None:
        self.states: dict[str, Status] = {}
        self.used: dict[str, int] = {}
        self.done: list[tuple[str, str]] = []

    def status(self, iccid: str) -> Status:
        """As set; unknown cards are so."""
        return self.states.get(iccid, Status(None, None))

    def usage(self, iccid: str) -> int | None:
        """As set."""
        return self.used.get(iccid)

    def lock(self, iccid: str) -> None:
        """Remembered."""
        self.done.append(("lock", iccid))
        self.states[iccid] = self.status(iccid)._replace(state="locked", locked=True)

    def reset(self, iccid: str) -> None:
        """Remembered."""
        self.done.append(("reset", iccid))


class Http:
    """A platform that a file describes."""

    def __init__(self, text: str) -> None:
        """`UserError` says what is wrong in the file."""
        found = files.toml_of(text, "the provider's file").get("provider")
        if not isinstance(found, dict):
            raise UserError("no [provider] is there")
        self._url = str(found.get("url", ""))
        if not self._url.startswith(("http://", "https://")) or "{iccid}" not in self._url:
            raise UserError("[provider] needs a url, https:// or http://, with {iccid} in it")
        for name in (*_ASKS, *_DOES):
            if not isinstance(found.get(name, {}), dict):
                raise UserError(f"[provider.{name}] is no table")
        self._parts: Mapping[str, Any] = found
        locked = found.get("status", {}).get("locked", [])
        self._locked = checked("provider.status.locked", tuple[str, ...], locked)
        variable = found.get("token_env", "")
        if variable and variable not in os.environ:
            raise UserError(f"[provider] token_env: the variable {variable} is not set")
        self._headers = {"Content-Type": "application/json"}
        if variable:
            secret = found.get("prefix", "") + os.environ[variable].strip()
            self._headers[found.get("header", "Authorization")] = secret

    def status(self, iccid: str) -> Status:
        """By GET."""
        state, imei = self._asked("status", iccid)
        state, imei = (None if each in (None, "") else str(each) for each in (state, imei))
        return Status(state, imei, state in self._locked)

    def usage(self, iccid: str) -> int | None:
        """By GET."""
        (used,) = self._asked("usage", iccid)
        try:
            return None if used is None else int(used)
        except (TypeError, ValueError, OverflowError):
            raise UserError(
                f"the card's platform, usage of {iccid}: {used!r} is no number of bytes"
            ) from None

    def lock(self, iccid: str) -> None:
        """By the request that is described."""
        self._do("lock", iccid)

    def reset(self, iccid: str) -> None:
        """By the request that is described."""
        self._do("reset", iccid)

    def _asked(self, what: str, iccid: str) -> list[Any]:
        part = self._parts.get(what)
        if part is None:
            return [None for _ in _ASKS[what]]
        text = self._ask("GET", iccid, part.get("path", ""), None)
        try:
            answer = json.loads(text or b"null")
        except (ValueError, RecursionError):
            raise UserError(f"the card's platform, {what} of {iccid}: no JSON: {text[:60]!r}") from None
        return [_at(answer, part[name]) if name in part else None for name in _ASKS[what]]

    def _do(self, what: str, iccid: str) -> None:
        part = self._parts.get(what)
        if part is None:
            raise UserError(f"[provider.{what}] is not described: the platform cannot be asked to {what}")
        body = json.dumps(part["body"]).encode() if "body" in part else None
        self._ask(part.get("method", "POST"), iccid, part.get("path", ""), body)

    def _ask(self, method: str, iccid: str, path: str, body: bytes | None) -> bytes:
        url = self._url.replace("{iccid}", iccid) + path
        try:
            with closing(HttpClient(url)) as client:
                answer = client.ask(method, body, self._headers, most=_MOST_BYTES)
        except (Away, http.client.HTTPException, ValueError) as error:
            raise UserError(f"the card's platform, {method} {url}: {error}") from None
        if not answer.is_good:
            raise UserError(f"the card's platform, {method} {url}: {answer.summary}")
        return answer.body


def _at(answer: Any, path: str) -> Any:
    for name in path.split("."):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer
