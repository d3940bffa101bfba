"""Rate limits of a sender: a burst, and a rate."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

_log = logging.getLogger(__name__)

_MOST = 10_000
MOST_TOPICS = 200_000


class Rate(NamedTuple):
    """Requests at once, and requests a second after that."""

    burst: float
    a_second: float


_ONCE_A_MINUTE = Rate(1, 1 / 60)


class Buckets:
    """A token bucket for each client or name; when there are too many, the oldest are removed. Threads may
    share them."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self.left: OrderedDict[tuple[str, Rate], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str, rate: Rate, now: float) -> bool:
        """Whether `client` may make a request at `now`, in seconds."""
        key = (client, rate)
        with self._lock:  # between the two accesses, another thread would find a full bucket
            left, at = self.left.pop(key, (rate.burst, now))
            left = min(rate.burst, left + (now - at) * rate.a_second)
            self.left[key] = (max(0.0, left - 1) if left >= 1 else left, now)
            if len(self.left) > self._most:
                self.left.popitem(last=False)
        return left >= 1

    def __len__(self) -> int:
        return len(self.left)


class RateLimit:
    """The rate limit of a device: one minute's messages at once, refilled over a minute. Other messages are
    neither stored nor answered, so the device keeps its records."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = Rate(per_minute, per_minute / 60)
        self._now = now
        self.buckets = Buckets(MOST_TOPICS)
        self._warnings = Buckets()

    def allows(self, topic: str) -> bool:
        """Whether another message on `topic` is accepted now; the log names who sends too many."""
        now = self._now()
        if self.buckets.take(topic, self._rate, now):
            return True
        if self._warnings.take(topic, _ONCE_A_MINUTE, now):
            _log.warning("%s: more than %d messages a minute; dropping the others", topic, self._rate.burst)
        return False
