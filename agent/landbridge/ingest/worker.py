"""Feeds the pipeline, and continues after every failure."""

import logging
import queue
import threading
from collections.abc import Sequence

from landbridge.core import metrics
from landbridge.core.backoff import Backoff
from landbridge.core.checks import Since
from landbridge.core.priority import IngestPriority
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.session import Received

_POLL_S = 0.1
_MOST_AT_ONCE = 256
_FEW = 16
PATIENCE_S = 10.0
LONGEST_S = 20.0  # seconds of a transaction: an unresponsive database fails none
_FIRST_RETRY_S = 0.5
_LAST_RETRY_S = 1.0  # a server or disk is noticed soon after its return: devices wait ten seconds
_log = logging.getLogger(__name__)


class Worker(threading.Thread):
    """The thread that moves messages from `waiting` to `pipeline`, in order."""

    def __init__(self, waiting: queue.Queue[Received], pipeline: Pipeline, priority: IngestPriority) -> None:
        super().__init__(name="ingest", daemon=True)
        self._waiting = waiting
        self._pipeline = pipeline
        self._priority = priority
        self._unstored = Since()
        self._storing = Since()
        metrics.WAITING.set_function(waiting.qsize)
        self.stopping = threading.Event()

    def stop(self) -> None:
        """Finish the current messages; the waiting ones stay with the broker."""
        self.stopping.set()
        self.join()

    def problem(self) -> str | None:
        """Return what has kept messages from being stored for too long."""
        if self._unstored.seconds > PATIENCE_S:
            return f"messages have not been stored for {self._unstored.seconds:.0f} s: see the log"
        if self._storing.seconds > LONGEST_S:
            return f"the database has not answered for {self._storing.seconds:.0f} s"
        return None

    def run(self) -> None:
        """Work until stopped."""
        while not self.stopping.is_set():
            try:
                batch = [self._waiting.get(timeout=_POLL_S)]
            except queue.Empty:
                continue
            self.insist(batch + self._those_waiting())
            self._priority.set_busy(self._waiting.qsize() > _FEW)

    def _those_waiting(self) -> list[Received]:
        """Return the other waiting messages: one commit for all, or a flood of junk would delay the
        others."""
        rest: list[Received] = []
        while len(rest) < _MOST_AT_ONCE - 1:
            try:
                rest.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return rest

    def insist(self, batch: Sequence[Received]) -> None:
        """Process `batch` until it is stored; meanwhile nothing is acknowledged."""
        backoff = Backoff(_FIRST_RETRY_S, _LAST_RETRY_S)
        while not self.stopping.is_set():
            try:
                with metrics.TRANSACTION_S.time(), self._storing:
                    self._pipeline.process_all(batch)
                self._unstored.ends()
                return
            except Exception as error:
                self._unstored.begins()
                metrics.FAILED.inc()
                retry_s = backoff.grow()
                _log.error("cannot store %d messages: %s; trying again in %g s", len(batch), error, retry_s)
            self.stopping.wait(retry_s)
