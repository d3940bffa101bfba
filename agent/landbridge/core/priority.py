"""Who goes first: as long as messages wait to be stored, what follows from stored ones can wait a little."""

import threading


class IngestPriority:
    """Ingest says whether it has work for more than one transaction; others give way, not for ever."""

    def __init__(self) -> None:
        self._free = threading.Event()
        self._free.set()

    def set_busy(self, busy: bool) -> None:
        """Ingest is `busy`, or no longer."""
        if busy:
            self._free.clear()
        else:
            self._free.set()

    def yield_to_ingest(self, at_most_s: float) -> None:
        """Wait until ingest is not busy, for `at_most_s` at most."""
        self._free.wait(at_most_s)
