"""One HTTP request to a target, and what its answer means."""

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
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
    """POST `body`, following no redirect: a signed message goes where the operator said, nowhere else.
    `Away` or `Refused` unless the answer is a 2xx."""
    try:
        address = urlsplit(url)
        connection = _KINDS[address.scheme](address.netloc, timeout=TIMEOUT_S)
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        with _within(WHOLE_S, connection):
            connection.request("POST", path, body, {"User-Agent": "landbridge"} | dict(headers))
            answer = connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Away(f"no answer: {error}") from None
    if not 200 <= answer.status < 300:
        told = f"it answers {answer.status} {answer.reason}"
        raise (Refused if answer.status in _OF_THIS_MESSAGE else Away)(told)


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
