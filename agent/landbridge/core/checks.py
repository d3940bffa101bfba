"""Checks of the agent's parts, for /health."""

import threading
import time
from collections.abc import Callable

Check = Callable[[], str | None]
"""Return what is wrong, in words; None if nothing is."""


class Since:
    """Measures how long a condition has lasted."""

    def __init__(self) -> None:
        self._since: float | None = None

    def begins(self) -> None:
        """Note that the condition holds."""
        if self._since is None:
            self._since = time.monotonic()

    def ends(self) -> None:
        """Note that the condition does not hold."""
        self._since = None

    def __enter__(self) -> None:
        self.begins()

    def __exit__(self, *_: object) -> None:
        self.ends()

    @property
    def seconds(self) -> float:
        """Return the seconds for which it has held; 0 if it does not."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since


def of_thread(thread: threading.Thread) -> Check:
    """Return a check that the thread runs."""
    return lambda: None if thread.is_alive() else f"the thread {thread.name} has died"
