"""ES9+: requests to an SM-DP+ server over HTTPS (SGP.22 5.6, 6.5), and the meaning of its answers.

Nothing that was sent or received is logged, and no error repeats it.
"""

import base64
import binascii
import json
import re
import ssl
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from landbridge.core.delivery_errors import Away
from landbridge.core.http import Answer, HttpClient
from landbridge.core.texts import _
from landbridge.features.downloads.trust import Trust

_PATH = "/gsma/rsp2/es9plus/"
_HEADERS = {
    "User-Agent": "gsma-rsp-lpad",
    "X-Admin-Protocol": "gsma/rsp/v2.2.2",
    "Content-Type": "application/json",
}
_MOST_BYTES = 262_144
_MOST_DEPTH = 16
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""One that does not end reaches to the end, and nothing is tried twice: a hostile answer must not take the
time of its length squared."""
_CODE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){0,5}", re.ASCII)
_RETRIED = "8.10.1/3.9"
"""Unknown transaction: another session may succeed."""
ERRORS = {
    "8.1/4.8": _("the card has no room for the profile; delete one, then order again"),
    "8.1/6.1": _("the server does not accept the card's signature; the card may be faulty"),
    "8.1.1/3.8": _("the code is for another card; ask the mobile operator for one for this EID"),
    "8.1.2/6.1": _("the server does not accept the maker of the card; ask the mobile operator"),
    "8.1.2/6.3": _("the certificate of the card's maker has expired; replace the card"),
    "8.1.3/6.1": _("the server does not accept the card's certificate; ask the mobile operator"),
    "8.1.3/6.3": _("the card's certificate has expired; replace the card"),
    "8.2/1.2": _("the profile is not released yet; ask the mobile operator to release it, then order again"),
    "8.2/3.7": _("the profile has already been issued; ask the mobile operator for another code"),
    "8.2.5/4.3": _("the server has no profile for such a card; ask the mobile operator"),
    "8.2.6/3.8": _("the server does not know the matching ID; check the code, then order again"),
    "8.2.7/2.2": _("the confirmation code is missing; order again with it"),
    "8.2.7/3.8": _("the confirmation code is wrong; check it, then order again"),
    "8.2.7/6.4": _("the confirmation code was wrong too often; ask the mobile operator for another code"),
    "8.8.1/3.8": _("the server has another name; check the server in the code"),
    "8.8.2/3.1": _("server and card have no certificate authority in common; ask the mobile operator"),
    "8.8.5/4.1": _("the code has expired; ask the mobile operator for another one"),
    "8.8.5/6.4": _("the code was used too often; ask the mobile operator for another one"),
    _RETRIED: _("the session no longer exists on the server"),
}
"""Subject and reason of a refusal (SGP.22 5.2.6): what to do."""


class ServerError(Exception):
    """The server has refused a request; the text has the reason."""

    def __init__(self, why: str, code: str = "", may_pass: bool = False) -> None:
        super().__init__(why)
        self.code = code
        """Subject and reason, as in ERRORS; empty: it was no refusal of the server."""
        self.may_pass = may_pass
        """Whether another attempt may succeed."""


class Server:
    """One SM-DP+ server: no proxy, no redirects, answers of a bounded size within a bounded time."""

    def __init__(self, name: str, trust: Trust) -> None:
        """`ServerError` for one that is not on the list."""
        if not trust.roots or not trust.allows(name):
            raise ServerError(_("{server} is not on the list of servers any more", server=name))
        self.name = name
        self._tls = trust.tls()

    def ask(self, function: str, **fields: str) -> Mapping[str, Any]:
        """Call a function of ES9+; `ServerError`."""
        body = json.dumps(fields).encode()
        with closing(HttpClient(f"https://{self.name}{_PATH}{function}", self._tls)) as client:
            try:
                answer = client.ask("POST", body, _HEADERS, most=_MOST_BYTES + 1)
            except Away as error:
                raise _unreached(self.name, error) from None
        return self._content(answer)

    def notify(self, notification: bytes) -> None:
        """Post a notification; `ServerError` unless the server says that it has it, for then the card forgets
        it."""
        found = self.ask("handleNotification", pendingNotification=encoded(notification))
        if found and not _status(found):
            raise _unreadable(self.name)

    def _content(self, answer: Answer) -> Mapping[str, Any]:
        if not answer.is_good:
            why = _("{server} answers with status {code}", server=self.name, code=answer.status)
            raise ServerError(why, may_pass=answer.status >= 500)
        if len(answer.body) > _MOST_BYTES:
            raise ServerError(_("the answer of {server} is too long", server=self.name))
        return _good(parsed(answer.body, self.name), self.name) if answer.body else {}


def _unreached(server: str, error: Away) -> ServerError:
    if isinstance(error.__context__, ssl.SSLCertVerificationError):
        why = _("the TLS certificate of {server} is not trusted; check ci_file in [esim]", server=server)
        return ServerError(why)
    return ServerError(_("{server} does not answer", server=server), may_pass=True)


def parsed(body: bytes, server: str) -> Mapping[str, Any]:
    try:
        if nesting(body) > _MOST_DEPTH:
            raise ValueError
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _unreadable(server)
    return found


def _unreadable(server: str) -> ServerError:
    return ServerError(_("the answer of {server} cannot be read", server=server), may_pass=True)


def nesting(body: bytes) -> int:
    depth = deepest = 0
    for each in _STRINGS.sub(b"", body):
        depth += (each in b"[{") - (each in b"]}")
        deepest = max(deepest, depth)
    return deepest


def _good(found: Mapping[str, Any], server: str) -> Mapping[str, Any]:
    """The fields of an answer, unless it is a refusal."""
    status = _status(found)
    said = str(status.get("status", "Executed-Success"))
    if said.startswith("Executed-"):
        return found
    if not said.startswith("Failed"):
        raise _unreadable(server)
    data = _part(status, "statusCodeData")
    subject, reason = (str(data.get(name, "")) for name in ("subjectCode", "reasonCode"))
    known = _CODE.fullmatch(subject) and _CODE.fullmatch(reason)
    code = f"{subject}/{reason}" if known else "?"
    why = ERRORS.get(code) or _("the server refuses with code {code}; ask the mobile operator", code=code)
    raise ServerError(why, code, may_pass=code == _RETRIED)


def _status(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return _part(_part(found, "header"), "functionExecutionStatus")


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def encoded(content: bytes) -> str:
    """Bytes as a field has them."""
    return base64.b64encode(content).decode()


def decoded(found: Mapping[str, Any], name: str) -> bytes:
    """The bytes of a field; `ServerError` if it has none."""
    try:
        content = base64.b64decode(found[name], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        content = b""
    if not content:
        raise ServerError(_("the server's answer has no valid {name}", name=name))
    return content
