"""Threads that repeat a task."""

import logging
import threading

_log = logging.getLogger(__name__)


class Periodic(threading.Thread):
    """Runs a task, rests, and repeats until it is stopped. A failed turn is logged and repeated."""

    finishes = False
    """Whether it runs a last time when it is stopped."""

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
        """Run the task once; return the seconds to rest, None: as usual."""
        raise NotImplementedError

    @property
    def is_stopping(self) -> bool:
        """Whether the task should end soon."""
        return self._stopping.is_set()

    def wake(self) -> None:
        """Wake the thread: there is work now."""
        self._woken.set()

    def stop(self) -> None:
        """Let the current turn, and the last one, end; then stop."""
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
