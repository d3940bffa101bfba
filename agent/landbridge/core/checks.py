"""What parts of the agent say of themselves, for /health."""

import threading
import time
from collections.abc import Callable

Check = Callable[[], str | None]
"""What is wrong, in words; None: nothing."""


class Since:
    """For how long something has gone on."""

    def __init__(self) -> None:
        self._since: float | None = None

    def begins(self) -> None:
        """It goes on, if it did not before."""
        if self._since is None:
            self._since = time.monotonic()

    def ends(self) -> None:
        """It does not go on."""
        self._since = None

    def __enter__(self) -> None:
        self.begins()

    def __exit__(self, *_: object) -> None:
        self.ends()

    @property
    def seconds(self) -> float:
        """0: it does not go on."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since


def of_thread(thread: threading.Thread) -> Check:
    """A check that it runs."""
    return lambda: None if thread.is_alive() else f"the thread {thread.name} has died"
