"""One HTTP request to another party, and what its answer means."""

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from landbridge.outbound.kinds.errors import Away, Refused

TIMEOUT_S = 20
"""Of each step: to connect, TLS, and every byte that the target lets us wait for."""
WHOLE_S = 60
"""Of request and answer together, or a target that sends a byte now and then would hold its messages up."""
_OF_THIS_MESSAGE = (400, 409, 413, 415, 422)
"""Any other failure would be the same for every message: a wrong address, no rights, a server that is
down."""
_KINDS: Mapping[str, type[http.client.HTTPConnection]] = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """POST `body`. `Away` or `Refused` unless the answer is a 2xx."""
    answer = ask("POST", url, body, headers)
    if not answer.is_good:
        raise (Refused if answer.status in _OF_THIS_MESSAGE else Away)(answer.told)


class Answer(NamedTuple):
    """What came back."""

    status: int
    reason: str
    body: bytes

    @property
    def is_good(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300

    @property
    def told(self) -> str:
        """For people."""
        return f"it answers {self.status} {self.reason}"


def ask(method: str, url: str, body: bytes | None, headers: Mapping[str, str], most: int = 0) -> Answer:
    """Make a request, over no proxy and following no redirect: what is signed or has a secret goes where the
    operator said, nowhere else. Of the answer's body `most` bytes are read. `Away` when there is none."""
    try:
        address = urlsplit(url)
        connection = _KINDS[address.scheme](address.netloc, timeout=TIMEOUT_S)
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        with _within(WHOLE_S, connection):
            connection.request(method, path, body, {"User-Agent": "landbridge"} | dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.reason, answer.read(most))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Away(f"no answer: {error}") from None


@contextmanager
def _within(seconds: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """Connect, and have it all done in time; `TimeoutError` if it is not. The connection is closed then."""
    connection.connect()
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError, TypeError):  # it may just have been closed, or be gone with the answer
            # Of the socket itself: what TLS makes of a shutdown is not for another thread.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
        connection.close()
    if late.is_set():  # what was cut off may look like an answer
        raise TimeoutError(f"not done within {seconds:g} s")
