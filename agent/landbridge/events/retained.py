"""Checks whether the broker still has its retained messages; if not, the positions are published again. After
each batch the agent retains the number of its last message at the broker. A broker that died before it saved
everything, or was emptied, returns an older number or none."""

import logging
from collections.abc import Callable

from landbridge.core.clock import Clock
from landbridge.core.priority import IngestPriority
from landbridge.db import order
from landbridge.db.database import Database
from landbridge.events import positions
from landbridge.events.queries import outbox
from landbridge.features.devices import queries as devices
from landbridge.ingest.queries.device_rows import lock_rows
from landbridge.ingest.session import Session

PUBLISHED = "landbridge/agent/published"
_AT_ONCE = 50
_DIGITS = len(str(order.HIGHEST))
_log = logging.getLogger(__name__)


class Retained:
    """The retained messages that the broker is known to have, read on each connection."""

    def __init__(self, database: Database, session: Session, clock: Clock, priority: IngestPriority) -> None:
        self._database, self._session, self._clock, self._priority = database, session, clock, priority
        self._checked: int | None = None  # The connection on which it was asked.
        self._marked: int | None = None

    def check(self, is_stopping: Callable[[], bool]) -> None:
        """On a new connection, add all positions to the outbox if the broker has lost any. They are in the
        outbox before anything else is marked, so this begins again if the agent is killed meanwhile."""
        connection = self._session.connection
        if connection is None or connection == self._checked:
            return
        if self._marked is None:
            with self._database.reading() as reading:
                self._marked = outbox.published(reading)
        if self._marked:
            found = self._session.retained(PUBLISHED)
            if self._session.connection != connection:
                return
            if _number(found) < self._marked and not self._post_all(is_stopping):
                return
        self._checked = connection

    def mark(self, number: int) -> None:
        """Retain the number up to which the broker has all messages. Not on an unchecked connection: the
        broker may have lost some of them, so the next check finds an older number there."""
        self._marked = number
        if self._checked is not None and self._session.connection == self._checked:
            self._session.retain(PUBLISHED, str(number).encode())

    def _post_all(self, is_stopping: Callable[[], bool]) -> bool:
        """Return False if it was stopped before the end."""
        with self._database.reading() as connection:
            names = devices.names(connection)
        for begin in range(0, len(names), _AT_ONCE):
            if is_stopping():
                return False
            self._priority.yield_to_ingest(1.0)
            with self._database.writing(alone=False) as connection:
                rows = lock_rows(connection, names[begin : begin + _AT_ONCE])
                messages = [each for row in rows.values() for each in positions.again(connection, row)]
                outbox.post(connection, messages, self._clock.now_s())
        _log.warning(
            "the broker lost its retained messages, or does not let the agent read %s: publishing all"
            " positions again",
            PUBLISHED,
        )
        return True


def _number(payload: bytes | None) -> int:
    """Return 0 for anything but a number of a message: the broker has lost it, or another client has replaced
    it."""
    number = int(payload) if payload and payload.isdigit() and len(payload) <= _DIGITS else 0
    return number if number <= order.HIGHEST else 0
