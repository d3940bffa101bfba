"""How much one device may send: what is beyond is not stored, nor answered, so the device keeps it."""

import time
from collections.abc import Callable

_MOST_TOPICS = 200_000


class RateLimit:
    """A bucket for each topic: a minute's worth of messages at once, filled again over a minute."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}

    def allows(self, topic: str) -> bool:
        """Whether one more message on `topic` is to be taken now."""
        now = self._now()
        left, since = self._buckets.get(topic, (self._per_minute, now))
        left = min(self._per_minute, left + (now - since) * self._per_minute / 60)
        if len(self._buckets) >= _MOST_TOPICS and topic not in self._buckets:
            self._forget(now)
        self._buckets[topic] = (max(left - 1, 0.0), now) if left >= 1 else (left, now)
        return left >= 1

    def _forget(self, now: float) -> None:
        """Those that are full again by now; if that are none, all."""
        kept = {topic: each for topic, each in self._buckets.items() if now - each[1] < 60}
        self._buckets = kept if len(kept) < _MOST_TOPICS else {}
