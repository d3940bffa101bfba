"""The raw sockets of the modem: the real streams of `stream.py`, over the virtual radio."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import simpy

from tools.modem.engine.tasks import Tasks, Work
from tools.modem.link.dial import Failure, Tls

if TYPE_CHECKING:
    from tools.modem.unit import Unit

OPEN_LIMIT_MS = 75_000
"""After that the modem gives up a connection that is not answered [C]."""
TLS_UP, TLS_DOWN, TLS_TRIPS = 900, 4_000, 5
OVERHEAD = 60
POLL_MS = 1_000
"""How often a socket looks for bytes that were not waited for, where the network names no interval."""
PATIENT_MS = 15_000
"""Time after sending in which it looks thoroughly (`Network.look`)."""


class Socket:
    """One connection. `arrived()` is called when bytes have come into an empty `inbox`, `closed()`
    when the other side has gone."""

    def __init__(self, unit: Unit, cid: int, arrived: Callable[[], None], closed: Callable[[], None]) -> None:
        self._unit = unit
        self._tasks = Tasks(unit.env)
        self._stream = unit.network.stream()
        self._arrived = arrived
        self._closed = closed
        self.cid = cid
        self.peer = ("", 0)
        self.opened = False
        self.deaf = False
        """Nothing passes any more, and neither side is notified."""
        self._patient_until_ms = 0.0
        self.sent = self.received = 0
        self.inbox = bytearray()

    def open(self, host: str, port: int, tls: Tls | None) -> Generator[simpy.Event, Any, Failure | None]:
        """None when it is open."""
        unit, began = self._unit, self._unit.env.now
        self.peer, leads = (host, port), unit.pdp.leads(self.cid, host, port)
        up, down, trips = (TLS_UP, TLS_DOWN, TLS_TRIPS) if tls else (OVERHEAD, OVERHEAD, 2)
        if not (yield from self._exchange(up, down, trips)):
            yield from self._until(began + OPEN_LIMIT_MS)
            return Failure.CONNECT if unit.radio.registered() else Failure.DNS
        stream = self._stream
        if unit.barred(uses_tls=tls is not None) or not leads:
            yield from self._until(began + OPEN_LIMIT_MS)
            return Failure.TLS if unit.hosts == "no-tls" else Failure.CONNECT
        if not (yield from self._wait_for(lambda: True, 0)):
            yield from self._until(began + OPEN_LIMIT_MS)
            return Failure.CONNECT
        stream.open(host, port, tls)
        yield from self._wait_for(lambda: stream.opened or stream.failure is not None, OPEN_LIMIT_MS)
        if not stream.opened:
            self.close()
            return stream.failure or Failure.CONNECT
        self.opened = True
        self._tasks.start(self._listen())
        return None

    def send(self, data: bytes) -> Generator[simpy.Event, Any, bool]:
        """True when the bytes are on their way; what they provoke comes by itself."""
        if not (yield from self._exchange(len(data) + OVERHEAD, 0)):
            return False
        if self._stream.lost or not self.opened or self.deaf:
            return False
        self._unit.observer.sends(data, first=self.sent == 0)
        self.sent += len(data)
        self._stream.send(data)
        self._patient_until_ms = self._unit.env.now + PATIENT_MS
        self._tasks.start(self._await_reply())
        return True

    def take(self, count: int) -> bytes:
        """Received bytes, at most this many."""
        taken = bytes(self.inbox[:count])
        del self.inbox[:count]
        return taken

    def close(self) -> None:
        """Over, without a word."""
        self._tasks.stop()
        self._stream.close()
        self.opened = False

    def report_closed(self) -> None:
        """As if the other side had gone."""
        self._closed()

    def _await_reply(self) -> Work:
        yield from self._unit.network.wait_for_stream(self._unit.env, self._stream)
        yield from self._collect()

    def _listen(self) -> Work:
        while self.opened:
            yield self._unit.env.timeout(self._unit.network.poll_ms or POLL_MS)
            if self._unit.env.now < self._patient_until_ms:
                yield from self._unit.network.poll(self._unit.env, self._stream)
            else:
                self._stream.step(0)
            yield from self._collect()

    def _collect(self) -> Work:
        stream = self._stream
        if self.deaf:
            return
        if stream.inbox:
            data = bytes(stream.inbox)
            stream.inbox.clear()
            if (yield from self._exchange(OVERHEAD, len(data) + OVERHEAD)):
                was_empty = not self.inbox
                self.inbox += data
                self.received += len(data)
                if was_empty:
                    self._arrived()
        if stream.lost and self.opened:
            self.opened = False
            self._closed()

    def _exchange(self, up: int, down: int, trips: int = 1) -> Generator[simpy.Event, Any, bool]:
        self._unit.pdp.carries(self.cid, up + down)
        return (yield from self._unit.radio.bearer.exchange(up, down, trips))

    def _wait_for(self, done: Callable[[], bool], limit_ms: int) -> Generator[simpy.Event, Any, bool]:
        return self._unit.network.wait_for(self._unit.env, self._stream, done, limit_ms)

    def _until(self, ms: float) -> Work:
        if self._unit.env.now < ms:
            yield self._unit.env.timeout(ms - self._unit.env.now)


class Sockets:
    """By a name that the dialect chooses, for example ("QI", 0)."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.open: dict[tuple[str, int], Socket] = {}
        self._stuck: set[int] = set()

    def off(self) -> None:
        """The power is gone."""
        for socket in self.open.values():
            socket.close()
        self.open.clear()
        self._stuck.clear()

    def add(
        self, name: tuple[str, int], cid: int, arrived: Callable[[], None], closed: Callable[[], None]
    ) -> Socket:
        """A socket on the PDP context `cid`."""

        def ended() -> None:
            self.stick(cid)
            closed()

        socket = self.open[name] = Socket(self._unit, cid, arrived, ended)
        return socket

    def stick(self, cid: int) -> None:
        """The other side has hung up: some firmware opens nothing on that context any more."""
        if self._unit.has("socket-stuck"):
            self._stuck.add(cid)

    def refused(self, cid: int) -> bool:
        """Whether the stack takes no more sockets on that context until it is active again."""
        return cid in self._stuck

    def free(self, cid: int) -> None:
        """The context has been given up: its stack is as new."""
        self._stuck.discard(cid)

    def remove(self, name: tuple[str, int]) -> bool:
        """Close it; False when there is none."""
        socket = self.open.pop(name, None)
        if socket is None:
            return False
        socket.close()
        return True

    def of(self, kind: str) -> dict[int, Socket]:
        """The sockets of one kind by number."""
        return {number: socket for (name, number), socket in sorted(self.open.items()) if name == kind}

    def deafen(self, cid: int) -> None:
        """Their context is gone without a word."""
        for socket in self.open.values():
            socket.deaf = socket.deaf or socket.cid == cid

    def lose(self, cid: int) -> None:
        """Their context is gone: all of its sockets end, and say so."""
        for socket in list(self.open.values()):
            if socket.cid == cid and socket.opened:
                socket.close()
                socket.report_closed()
