"""Publishes the outbox in its order; a message leaves the outbox when the broker has it.

So each is published once as long as agent and broker run, and at least once if one of them dies:
receivers know a repeated message by the ids in it.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from paho.mqtt.client import MQTTMessageInfo

from landbridge.core import metrics
from landbridge.core.priority import Precedence
from landbridge.db.database import Database
from landbridge.events import outbox, topics
from landbridge.events.outbox import Posted
from landbridge.events.retained import Retained
from landbridge.points import cells

BATCH = 64
_RETRY_S = 5.0
_LOOK_S = 0.5
_LAST_WORDS_S = 5.0
_log = logging.getLogger(__name__)

Publish = Callable[[Posted], MQTTMessageInfo]


class Sender(threading.Thread):
    """The thread that publishes; `wake` it when something was posted."""

    def __init__(
        self,
        database: Database,
        publish: Publish,
        precedence: Precedence | None = None,
        may_send: Callable[[], bool] = lambda: True,
        retained: Retained | None = None,
    ) -> None:
        """Of several agents one at a time `may_send`. With `retained` a broker that has lost its memory gets
        it back."""
        super().__init__(name="sender", daemon=True)
        self._database = database
        self._publish = publish
        self._precedence = precedence or Precedence()
        self._may_send = may_send
        self._retained = retained
        self._posted = threading.Event()
        self._deadline: float | None = None
        self._published = 0  # number of the last message that the broker has
        self.wake()

    def wake(self) -> None:
        """There may be something in the outbox."""
        self._posted.set()

    def stop(self) -> None:
        """Publish what is left, for _LAST_WORDS_S at most, and end."""
        self._deadline = time.monotonic() + _LAST_WORDS_S
        self.wake()
        self.join()

    def run(self) -> None:
        """Publish until stopped; trouble is logged and tried again."""
        while True:
            is_last = self._stopping()  # what was posted before the stop is still sent
            sends = False
            self._posted.clear()
            try:
                if sends := self._may_send():
                    if self._retained:
                        self._retained.check(self._stopping)
                    self._empty()
            except Exception:
                _log.exception("cannot publish the outbox; trying again in %d s", _RETRY_S)
                time.sleep(0 if self._stopping() else _RETRY_S)
                self.wake()
            if is_last:
                return
            if not self._stopping():
                # Not all that is posted comes from this process: commands and other agents wake nobody here.
                self._posted.wait(_LOOK_S if sends else _RETRY_S)

    def _empty(self) -> None:
        """Publish until the outbox is empty or time is up."""
        while not self._is_late() and (messages := self._head()):
            self._precedence.give_way(0 if self._stopping() else _LOOK_S)
            # Those before are published; what failed was to remove them.
            new = [message for message in messages if message.message > self._published]
            waiting = [self._publish(message) for message in new]
            if not all(self._has_arrived(info) for info in waiting):
                return
            self._published = messages[-1].message
            if self._retained:
                self._retained.mark(self._published)
            with self._database.writing(alone=False) as connection:
                outbox.remove(connection, messages[-1].message)
            metrics.PUBLISHED.inc(len(messages))

    def _head(self) -> list[Posted]:
        with self._database.reading() as connection:
            locate = partial(cells.locate, connection)
            return [topics.whole(each, locate) for each in outbox.head(connection, BATCH)]

    def _has_arrived(self, info: MQTTMessageInfo) -> bool:
        """Wait until the broker has the message, however often the connection breaks."""
        while not info.is_published():
            if self._is_late():
                return False
            info.wait_for_publish(_LOOK_S)
        return True

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _stopping(self) -> bool:
        return self._deadline is not None
