"""Threads that do the same again and again."""

import logging
import threading

_log = logging.getLogger(__name__)


class Periodic(threading.Thread):
    """Takes a turn, rests, and so on until it is stopped. A turn that fails is logged and taken again."""

    finishes = False
    """Whether it takes a last turn when it is stopped."""

    def __init__(
        self, name: str, task: str, every_s: float, first_s: float | None = None, retry_s: float | None = None
    ) -> None:
        """`task` is what it does, for the log. It rests for `every_s` between turns, for `first_s` before the
        first, and for `retry_s` after a failed one, even if woken; None: `every_s`."""
        super().__init__(name=name, daemon=True)
        self._task = task
        self._every_s = every_s
        self._first_s = every_s if first_s is None else first_s
        self._retry_s = every_s if retry_s is None else retry_s
        self._stopping = threading.Event()
        self._woken = threading.Event()

    def turn(self) -> float | None:
        """Do it once; returns how long to rest, None: as ever."""
        raise NotImplementedError

    @property
    def is_stopping(self) -> bool:
        """Whether what it does must come to an end."""
        return self._stopping.is_set()

    def wake(self) -> None:
        """There is something to do now."""
        self._woken.set()

    def stop(self) -> None:
        """Have it finish the turn at hand, and the last one."""
        self._stopping.set()
        self.wake()
        self.join()

    def run(self) -> None:
        """Take turns until stopped."""
        rest_s = self._first_s
        while True:
            self._woken.wait(rest_s)
            self._woken.clear()
            is_last = self.is_stopping
            if is_last and not self.finishes:
                return
            rest_s = self._once()
            if is_last:
                return

    def _once(self) -> float:
        try:
            rest_s = self.turn()
        except Exception:
            _log.exception("cannot %s; trying again in %g s", self._task, self._retry_s)
            self._stopping.wait(self._retry_s)
            return 0.0
        return self._every_s if rest_s is None else rest_s
