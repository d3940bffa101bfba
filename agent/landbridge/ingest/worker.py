"""Feeds the pipeline, and goes on whatever happens to it."""

import logging
import queue
import threading

from sqlalchemy.exc import DatabaseError, OperationalError

from landbridge.errors import UserError
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.session import Received

_LOOK_S = 0.1
_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 30.0
_log = logging.getLogger(__name__)


class Worker(threading.Thread):
    """The thread that takes messages from `waiting` to `pipeline`, in their order."""

    def __init__(self, waiting: queue.Queue[Received], pipeline: Pipeline) -> None:
        super().__init__(name="ingest", daemon=True)
        self._waiting = waiting
        self._pipeline = pipeline
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Finish the message at hand; those still waiting stay with the broker."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        """Work until stopped."""
        while not self._stopping.is_set():
            try:
                received = self._waiting.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            self._insist(received)

    def _insist(self, received: Received) -> None:
        """Process `received` until it is stored or buried; meanwhile nothing is acknowledged."""
        retry_s = _FIRST_RETRY_S
        while not self._stopping.is_set():
            try:
                return self._process(received)
            except Exception as error:
                _log.error("cannot store %s: %s; again in %.0f s", received.topic, error, retry_s)
            self._stopping.wait(retry_s)
            retry_s = min(2 * retry_s, _LAST_RETRY_S)

    def _process(self, received: Received) -> None:
        """Process `received`; what fails for a reason that will not pass is a dead letter."""
        try:
            self._pipeline.process(received)
        except Exception as error:
            if _may_pass(error):
                raise
            _log.exception("%s: internal error", received.topic)
            self._pipeline.bury(received, f"internal error: {error!r}")
            self._pipeline.acknowledge(received)


def _may_pass(error: Exception) -> bool:
    """True for a full disk, a locked or damaged database, a missing key file."""
    return isinstance(error, OperationalError | OSError | UserError) or type(error) is DatabaseError
