"""Back-off after failures: each pause is twice as long as the one before."""

import random
import time

_MOST_DOUBLINGS = 64


def wait_s(first_s: float, longest_s: float, failures: int) -> float:
    """How long to wait after one more failure when there were so many before, one after the other."""
    return min(first_s * 2.0 ** min(failures, _MOST_DOUBLINGS), longest_s)


class Backoff:
    """The delays between the attempts of one operation."""

    def __init__(self, first_s: float, longest_s: float, jitter: float = 0.0) -> None:
        """Each wait is shorter by up to the share `jitter`, so that no two keep step."""
        self._first_s, self._longest_s, self._jitter = first_s, longest_s, jitter
        self._failures = 0
        self._until = 0.0

    def is_over(self) -> bool:
        """Whether it may be tried."""
        return time.monotonic() >= self._until

    def reset(self) -> None:
        """It has succeeded."""
        self._failures = 0

    def grow(self) -> float:
        """Count another failure; return how long to wait."""
        wait = wait_s(self._first_s, self._longest_s, self._failures) * random.uniform(1 - self._jitter, 1)
        self._failures += 1
        self._until = time.monotonic() + wait
        return wait
