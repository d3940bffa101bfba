"""The thread that removes what is kept for a time only, once a day, a few devices a transaction."""

import logging
import threading
import time

from landbridge.clock import Clock
from landbridge.config import Store
from landbridge.journey import rework
from landbridge.precedence import Precedence
from landbridge.store import devices, retention
from landbridge.store.database import Database
from landbridge.store.held import hold

_FIRST_S = 600
_DAY_S = 86_400
_AT_ONCE = 10
_YIELD_S = 0.05
_log = logging.getLogger(__name__)


class Upkeep(threading.Thread):
    """Runs until stopped; what fails is tried again the next day."""

    def __init__(self, database: Database, clock: Clock, store: Store, precedence: Precedence) -> None:
        super().__init__(name="upkeep", daemon=True)
        self._database = database
        self._clock = clock
        self._store = store
        self._precedence = precedence
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Finish the transaction at hand."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        """Once a while after the start, when the rush is over, then every day."""
        pause_s = _FIRST_S
        while not self._stopping.wait(pause_s):
            pause_s = _DAY_S
            try:
                self.tidy()
            except Exception:
                _log.exception("cannot remove what is no longer kept; again tomorrow")

    def tidy(self) -> None:
        """Remove what has been kept long enough."""
        now_s = self._clock.now_s()
        with self._database.reading() as connection:
            names = devices.names(connection)
        raw = points = 0
        for begin in range(0, len(names), _AT_ONCE):
            if self._stopping.is_set():
                return
            self._precedence.give_way(1.0)
            some = names[begin : begin + _AT_ONCE]
            with self._database.writing(alone=False) as connection:
                hold(connection, some)
                raw += retention.forget_raw(connection, some, now_s - self._store.raw_days * _DAY_S)
                if self._store.points_days:
                    before_s = now_s - self._store.points_days * _DAY_S
                    settled = [device for device in some if rework.settle(connection, device, before_s)]
                    points += retention.forget_points(connection, settled, before_s)
            time.sleep(_YIELD_S)
        with self._database.writing() as connection:
            letters = retention.forget_letters(connection, now_s - self._store.raw_days * _DAY_S)
        if raw or points or letters:
            _log.info("no longer kept: %d raw uplinks, %d points, %d letters", raw, points, letters)
