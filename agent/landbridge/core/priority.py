"""Ingest priority: while uplinks wait, work on stored data can wait a little."""

import threading


class IngestPriority:
    """Ingest reports whether it has work for more than one transaction; other threads yield for a limited
    time."""

    def __init__(self) -> None:
        self._free = threading.Event()
        self._free.set()

    def set_busy(self, busy: bool) -> None:
        """Set whether ingest is busy."""
        if busy:
            self._free.clear()
        else:
            self._free.set()

    def yield_to_ingest(self, at_most_s: float) -> None:
        """Wait until ingest is not busy, for `at_most_s` at most."""
        self._free.wait(at_most_s)
