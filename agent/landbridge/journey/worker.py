"""The thread that works journeys out, beside ingest and never in its way for longer than one device takes."""

import logging
import threading
import time

from landbridge.alarms import engine
from landbridge.clock import Clock
from landbridge.journey import countries, rework, silence
from landbridge.outbound import announce
from landbridge.outbound.sender import Sender
from landbridge.precedence import Precedence
from landbridge.store import journeys
from landbridge.store.database import Database

LOOK_S = 1.0
_MINUTE_S = 60.0
_YIELD_S = 0.002
"""Ingest may wait for the database; whoever has just left it would get it again first."""
_log = logging.getLogger(__name__)


class Journeys(threading.Thread):
    """Works out what ingest has marked, a device a transaction; looks every minute for contacts that
    are overdue and alarms that are over."""

    def __init__(self, database: Database, clock: Clock, sender: Sender, precedence: Precedence) -> None:
        super().__init__(name="journeys", daemon=True)
        self._database = database
        self._clock = clock
        self._sender = sender
        self._precedence = precedence
        self._stopping = threading.Event()
        self._minute_ends = time.monotonic()
        self._failed: set[str | None] = set()
        countries.of_place(0.0, 0.0)  # reads the outlines now, not while ingest has to wait

    def stop(self) -> None:
        """Finish the device at hand; what is marked stays marked."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        """Work until stopped; what fails is logged and tried again."""
        while not self._stopping.wait(LOOK_S):
            try:
                self._look()
            except Exception:
                _log.exception("cannot work out the journeys; trying again")

    def _look(self) -> None:
        while not self._stopping.is_set() and self._next():
            self._precedence.give_way(LOOK_S)
            device = None
            try:
                with self._database.writing(alone=False) as connection:
                    if device := journeys.hold_marked(connection, self._failed):
                        rework.work_out(connection, device, self._clock.now_s())
            except Exception:
                # It must not keep the others waiting.
                _log.exception("%s: cannot work out its journey; again within a minute", device)
                self._failed |= {device} - {None}
            if not device:
                break  # other agents are at work on those that are left
            self._sender.wake()
            time.sleep(_YIELD_S)
        if time.monotonic() >= self._minute_ends:
            self._minute_ends = time.monotonic() + _MINUTE_S
            self._failed.clear()
            with self._database.writing() as connection:
                now_s = self._clock.now_s()
                told = silence.look(connection, now_s)
                over = engine.expire(connection, now_s)
                announce.tell(connection, over, now_s)
            if told or over:
                self._sender.wake()

    def _next(self) -> str | None:
        with self._database.reading() as connection:
            return journeys.next_marked(connection, self._failed)
