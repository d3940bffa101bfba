"""HTTP requests to integrations and other servers, and the meaning of their answers."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from landbridge.core.delivery_errors import Away, Gone, Refused

TIMEOUT_S = 20
"""For each step: to connect, TLS, and each wait for a byte."""
WHOLE_S = 60
"""For request and answer together, so that a slow integration cannot delay its messages for long."""
REST_S, _REST_BYTES = 5, 65_536
"""Time for the rest of an answer; if it takes longer, the connection is closed."""
_OF_THIS_MESSAGE = (400, 409, 413, 415, 422)
"""Statuses that refuse one message. Others, such as missing rights, would be the same for every message."""
_GONE = 410
"""The receiver wants nothing more, as in Standard Webhooks."""
Request = tuple[str, str, bytes | None, dict[str, str]]
"""Method, path, body, headers."""


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    reason: str
    body: bytes
    location: str
    """Where a redirect leads."""

    @property
    def is_good(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300

    @property
    def summary(self) -> str:
        """Status and reason, for people."""
        said = f"it answers {self.status} {self.reason}"
        if not self.location or self.is_good:
            return said
        where = ascii(self.location)[1:-1][:200]
        return f"{said} to {where}: redirects are not followed, correct the address"


class HttpClient:
    """Requests to one URL over a kept connection, without proxy and redirects: signed or secret content goes
    only to the address that the operator configured."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None, only_public: bool = False) -> None:
        """`tls` has the trusted certificates; None: those of the system. `only_public`: nothing is sent to a
        host whose address is not a public one, whatever its name."""
        self._address = urlsplit(url)
        self._only_public = only_public
        self._connection = (
            http.client.HTTPSConnection(self._address.netloc, timeout=TIMEOUT_S, context=tls)
            if self._address.scheme == "https"
            else http.client.HTTPConnection(self._address.netloc, timeout=TIMEOUT_S)
        )

    def post(self, body: bytes, headers: Mapping[str, str], query: str = "") -> None:
        """POST `body`, with `query` after that of the URL. `Away`, `Gone` or `Refused` unless it is answered
        with a 2xx."""
        answer = self.ask("POST", body, headers, query)
        if not answer.is_good:
            refused = Refused if answer.status in _OF_THIS_MESSAGE else Away
            raise (Gone if answer.status == _GONE else refused)(answer.summary)

    def ask(
        self, method: str, body: bytes | None, headers: Mapping[str, str], query: str = "", most: int = 0
    ) -> Answer:
        """Make a request; at most `most` bytes of the answer's body are returned. `Away` when there is
        none."""
        queries = "&".join(filter(None, (self._address.query, query)))
        path = (self._address.path or "/") + (f"?{queries}" if queries else "")
        request = (method, path, body, {"User-Agent": "landbridge"} | dict(headers))
        try:
            return self._answer(request, most)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Away(f"no answer: {error}") from None

    def close(self) -> None:
        """End the connection; the next request makes another one."""
        self._connection.close()

    def _answer(self, request: Request, most: int) -> Answer:
        was_kept = self._connection.sock is not None
        try:
            return self._once(request, most)
        except ConnectionError:
            if not was_kept:
                raise
        # The integration may have closed the kept connection.
        return self._once(request, most)

    def _once(self, request: Request, most: int) -> Answer:
        if self._connection.sock is None:
            self._connect()
        with _within(WHOLE_S, self._connection):
            self._connection.request(*request)
            response = self._connection.getresponse()
            body, location = response.read(most), response.getheader("Location") or ""
            answer = Answer(response.status, response.reason, body, location)
        if self._connection.sock is not None:
            self._pass_over(response)
        return answer

    def _connect(self) -> None:
        """Connect; `OSError` where that is not allowed. Looked at before and after, because a name may stand
        for another address each time."""
        if self._only_public:
            found = socket.getaddrinfo(self._connection.host, self._connection.port)
            _check_public(str(address[0]) for *_, address in found)
        self._connection.connect()
        if self._only_public:
            try:
                _check_public([self._connection.sock.getpeername()[0]])
            except OSError:
                self.close()
                raise

    def _pass_over(self, answer: http.client.HTTPResponse) -> None:
        """Read and drop the rest of an answer, so that the connection can be used again."""
        with suppress(OSError, http.client.HTTPException), _within(REST_S, self._connection):
            answer.read(_REST_BYTES)
        if not answer.isclosed():
            self.close()


_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER_PUBLIC = (IPv6Network("::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("2001::/32"))
"""IPv4-compatible addresses, NAT64 within a network, Teredo."""


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet. An IPv6 address that a gateway or a tunnel
    turns into an IPv4 address is as public as that; `ValueError` if it is no IP address."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found.is_site_local or any(found in each for each in _NEVER_PUBLIC):
            return False
        inner = IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else found.sixtofour
        found = found.ipv4_mapped or inner or found
    return found.is_global and not found.is_multicast


def _check_public(addresses: Iterable[str]) -> None:
    for each in addresses:
        if not is_public(each):
            raise OSError("its host has no public address")


@contextmanager
def _within(seconds: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """Limit the time of a step; `TimeoutError` when it is over. After any error the connection is closed."""
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError, TypeError):  # it may just have been closed
            # Shut down the socket itself: TLS objects must not be used by another thread.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError):
        connection.close()
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():  # an interrupted answer may look complete
        connection.close()
        raise TimeoutError(f"not done within {seconds:g} s")
