"""Gaps: periods without a point."""

from collections.abc import Iterator
from dataclasses import dataclass

from landbridge.core.clock import iso
from landbridge.protocol.settings import SETTINGS
from landbridge.tracking.context import TripContext
from landbridge.tracking.detected import DetectedEvent, TrackPoint

LONGEST_S = 24 * 3600
"""A stationary device makes a point every few hours, if its interval is not longer."""
_INTERVALS = 2
"""A point may be later than its interval, and one may lack a time."""


@dataclass
class Gaps:
    """The last point."""

    at_s: int | None = None
    seq: int = 0

    def step(self, point: TrackPoint, context: TripContext) -> Iterator[DetectedEvent]:
        """Yield the gap before a point: since when, and how many records of that time are missing."""
        seq, before_s = point.stored.point.seq, self.at_s
        if before_s is not None and point.at_s - before_s > _longest_s(context):
            missing = max(0, seq - self.seq - 1)
            yield DetectedEvent("gap", point, {"since": iso(before_s), "missing": missing})
        self.at_s, self.seq = point.at_s, seq


def _longest_s(context: TripContext) -> int:
    """Without a trip a device has any interval that was set before."""
    interval_s = context.trip.interval_s if context.trip else SETTINGS["interval_s"].highest
    return max(LONGEST_S, _INTERVALS * interval_s)
