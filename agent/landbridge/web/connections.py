"""The connections of the pages' server: so many at once, and none of them waits for ever for a request."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 400
"""At once. A service has 1,024 descriptors unless it is given more, and a moment's rush comes on top."""
RUSH = 64
"""So many are accepted before the first of them is counted."""
PATIENCE_S = 15.0
"""Until a request is here, its body too."""
READING_S = 60.0
"""Until more of an answer is taken: a connection may stall in a tunnel."""


class Connection(H11Protocol):
    """One connection. When there are too many, the one that is due to be closed first is closed at once. So a
    client that sends its request and reads the answer is served, however many others do not."""

    deadline: asyncio.TimerHandle | None = None
    """Set while no request, or only a part of one, is here, or an answer is not taken."""

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > MOST:
            waiting = [each for each in self.connections if isinstance(each, Connection) and each.deadline]
            min(waiting, key=_due).end()

    def data_received(self, data: bytes) -> None:
        """Wait no longer when the whole request is here."""
        super().data_received(data)
        self._update_deadline()

    def on_response_complete(self) -> None:
        """Wait for the next request, which may be here already."""
        self._wait()
        super().on_response_complete()
        self._update_deadline()

    def pause_writing(self) -> None:
        """Wait until more of the answer is taken."""
        super().pause_writing()
        self._wait()

    def resume_writing(self) -> None:
        """Wait for the next request, or for nothing while this one is answered."""
        super().resume_writing()
        self._wait()
        self._update_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def end(self) -> None:
        """Close it, now."""
        self._wait_no_longer()
        self.connections.discard(self)  # it is counted until it is closed, which is a little later
        self.transport.abort()

    def _update_deadline(self) -> None:
        answers = self.cycle and not self.cycle.more_body and not self.cycle.response_complete
        if answers and not self.flow.write_paused:
            self._wait_no_longer()

    def _wait(self) -> None:
        self._wait_no_longer()
        untaken = self.transport.get_write_buffer_size()
        self.deadline = self.loop.call_later(READING_S if untaken else PATIENCE_S, self._is_due, untaken)

    def _is_due(self, untaken: int) -> None:
        """Keep the connection of a client that still reads its answer, however slowly."""
        if self.transport.get_write_buffer_size() < untaken:
            self._wait()
        else:
            self.end()

    def _wait_no_longer(self) -> None:
        if self.deadline:
            self.deadline.cancel()
            self.deadline = None


def _due(connection: Connection) -> float:
    assert connection.deadline
    return connection.deadline.when()
