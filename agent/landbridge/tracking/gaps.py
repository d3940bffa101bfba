"""Gaps: times of which there is no point."""

from collections.abc import Iterator
from dataclasses import dataclass

from landbridge.core.clock import iso
from landbridge.protocol.settings import SETTINGS
from landbridge.tracking.context import Way
from landbridge.tracking.findings import Finding, Seen

LONGEST_S = 24 * 3600
"""A device that stands still makes a point every few hours, if its interval is not longer."""
_INTERVALS = 2
"""A point may come later than its interval, and one be without time."""


@dataclass
class Gaps:
    """The last point."""

    at_s: int | None = None
    seq: int = 0

    def step(self, seen: Seen, way: Way) -> Iterator[Finding]:
        """What a point finds: since when there was none, and how many records of that time are missing."""
        seq, before_s = seen.stored.point.seq, self.at_s
        if before_s is not None and seen.at_s - before_s > _longest_s(way):
            missing = max(0, seq - self.seq - 1)
            yield Finding("gap", seen, {"since": iso(before_s), "missing": missing})
        self.at_s, self.seq = seen.at_s, seq


def _longest_s(way: Way) -> int:
    """On no trip a device has whatever interval it was left with."""
    interval_s = way.trip.interval_s if way.trip else SETTINGS["interval_s"].highest
    return max(LONGEST_S, _INTERVALS * interval_s)
