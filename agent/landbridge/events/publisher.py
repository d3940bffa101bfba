"""Publishes the outbox in order; a message leaves the outbox when the broker has it. So each message is
published once while agent and broker run, and at least once if one of them fails. Receivers recognise a
repeated message by its ids."""

import time
from collections.abc import Callable

from paho.mqtt.client import MQTTMessageInfo

from landbridge.core import metrics
from landbridge.core.periodic import Periodic
from landbridge.core.priority import IngestPriority
from landbridge.db.database import Database
from landbridge.events.finished import finished
from landbridge.events.queries import outbox
from landbridge.events.queries.outbox import OutboxMessage
from landbridge.events.retained import Retained

BATCH = 64
RETRY_S = 5.0
_POLL_S = 0.5
_LAST_WORDS_S = 5.0

Publish = Callable[[OutboxMessage], MQTTMessageInfo]


class Publisher(Periodic):
    """The thread that publishes; `wake` it when a message was added."""

    finishes = True  # messages from before the stop are still published

    def __init__(
        self,
        database: Database,
        publish: Publish,
        priority: IngestPriority | None = None,
        may_send: Callable[[], bool] = lambda: True,
        retained: Retained | None = None,
    ) -> None:
        """One of several agents at a time `may_send`. With `retained`, a broker that lost its retained
        messages gets them again."""
        super().__init__("publisher", "publish the outbox", _POLL_S, first_s=0, retry_s=RETRY_S)
        self._database = database
        self._publish = publish
        self._priority = priority or IngestPriority()
        self._may_send = may_send
        self._retained = retained
        self._deadline: float | None = None
        self._published = 0  # number of the last message that the broker has

    def stop(self) -> None:
        """Publish what is left, for at most _LAST_WORDS_S, and end."""
        self._deadline = time.monotonic() + _LAST_WORDS_S
        super().stop()

    def turn(self) -> float | None:
        """Publish the waiting messages. Those of commands and other agents do not wake this thread."""
        if not self._may_send():
            return RETRY_S
        if self._retained:
            self._retained.check(lambda: self.is_stopping)
        self._empty()
        return None

    def _empty(self) -> None:
        """Publish until the outbox is empty or time is up."""
        while not self._is_late() and (messages := self._head()):
            self._priority.yield_to_ingest(0 if self.is_stopping else _POLL_S)
            # The messages before are published; only their removal failed.
            new = [message for number, message in messages if message and number > self._published]
            waiting = [self._publish(message) for message in new]
            if not all(self._has_arrived(info) for info in waiting):
                return
            self._published = messages[-1][0]
            if self._retained:
                self._retained.mark(self._published)
            with self._database.writing(alone=False) as connection:
                outbox.remove(connection, self._published)
            metrics.PUBLISHED.inc(len(messages))

    def _head(self) -> list[tuple[int, OutboxMessage | None]]:
        """Return number and message; None for a message of which nothing is left to publish."""
        with self._database.reading() as connection:
            return [(each.message, finished(connection, each)) for each in outbox.head(connection, BATCH)]

    def _has_arrived(self, info: MQTTMessageInfo) -> bool:
        """Wait until the broker has the message, however often the connection breaks."""
        while not info.is_published():
            if self._is_late():
                return False
            info.wait_for_publish(_POLL_S)
        return True

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline
