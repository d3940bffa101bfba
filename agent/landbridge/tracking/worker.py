"""The thread that recomputes events. It never blocks ingest longer than one device takes."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.core.checks import Check
from landbridge.core.clock import Clock
from landbridge.core.hooks import Hook
from landbridge.core.periodic import Periodic
from landbridge.core.priority import IngestPriority
from landbridge.db.database import Database
from landbridge.events.publisher import Publisher
from landbridge.geo import countries
from landbridge.ingest.queries.device_rows import lock_rows
from landbridge.tracking import queries as tracking
from landbridge.tracking import silence
from landbridge.tracking.recompute import recompute

POLL_S = 1.0
MINUTE_S = 60.0
_YIELD_S = 0.002
"""Ingest may wait for the database; without a pause this thread would lock it again first."""
MOST_AT_ONCE = 50
"""Devices whose alarms are checked in one transaction; each may take a few milliseconds."""
_log = logging.getLogger(__name__)


class EveryMinute(NamedTuple):
    """A check of what time alone may change."""

    due_devices: Callable[[Connection, int], Collection[str]]
    """Return the devices for which `check_due` has something to change."""
    check_due: Callable[[Connection, Collection[str], int], None]


EVERY_MINUTE: Hook[EveryMinute] = Hook()


class TrackingWorker(Periodic):
    """Recomputes marked events, one device in each transaction; checks every minute for missed sessions and
    for alarms to clear."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        publisher: Publisher,
        priority: IngestPriority,
        deaf: Sequence[Check] = (),
    ) -> None:
        """`deaf`: reasons why the agent may not receive uplinks; then no device counts as silent."""
        super().__init__("tracking", "recompute events", POLL_S)
        self._database = database
        self._clock = clock
        self._publisher = publisher
        self._priority = priority
        self._deaf = deaf
        self._hears_from_s = clock.now_s()
        self._minute_ends = time.monotonic()
        self._failed: set[str | None] = set()
        countries.of_place(0.0, 0.0)  # loads the outlines now, not while ingest has to wait

    def turn(self) -> None:
        """Recompute the marked devices; a stop leaves the remaining ones marked."""
        while not self.is_stopping and self._next():
            self._priority.yield_to_ingest(POLL_S)
            device = None
            try:
                with self._database.writing(alone=False) as connection:
                    if device := tracking.lock_marked(connection, self._failed):
                        recompute(connection, device, self._clock.now_s())
            except Exception:
                # A failing device must not delay the others.
                _log.exception("%s: cannot recompute its events; trying again within a minute", device)
                self._failed |= {device} - {None}
            if not device:
                break  # other agents process the remaining ones
            self._publisher.wake()
            time.sleep(_YIELD_S)
        if time.monotonic() >= self._minute_ends:
            self._minute_ends = time.monotonic() + MINUTE_S
            self._failed.clear()
            self._check_alarms()

    def _check_alarms(self) -> None:
        """Publish missed sessions and clear alarms, of some devices at a time."""
        now_s = self._clock.now_s()
        if any(check() for check in self._deaf):
            self._hears_from_s = now_s
        with self._database.reading() as connection:
            overdue = silence.due_devices(connection, self._hears_from_s, now_s)
            due = sorted(overdue.union(*(each.due_devices(connection, now_s) for each in EVERY_MINUTE)))
        for begin in range(0, len(due), MOST_AT_ONCE):
            if self.is_stopping:
                return
            names = due[begin : begin + MOST_AT_ONCE]
            self._priority.yield_to_ingest(POLL_S)
            with self._database.writing(alone=False) as connection:
                lock_rows(connection, names)
                silence.check_due(connection, names, self._hears_from_s, now_s)
                for each in EVERY_MINUTE:
                    each.check_due(connection, names, now_s)
            self._publisher.wake()
            time.sleep(_YIELD_S)

    def _next(self) -> str | None:
        with self._database.reading() as connection:
            return tracking.next_marked(connection, self._failed)
