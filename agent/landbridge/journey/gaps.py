"""Gaps: times of which there is no point."""

from collections.abc import Iterator
from dataclasses import dataclass

from landbridge.clock import iso
from landbridge.journey.seen import Finding, Seen

LONGEST_S = 24 * 3600
"""A device that stands still makes a point every few hours."""


@dataclass
class Gaps:
    """The last point."""

    at_s: int | None = None
    seq: int = 0

    def step(self, seen: Seen) -> Iterator[Finding]:
        """What a point finds: since when there was none, and how many records of that time are missing."""
        seq, before_s = seen.stored.point.seq, self.at_s
        if before_s is not None and seen.at_s - before_s > LONGEST_S:
            missing = max(0, seq - self.seq - 1)
            yield Finding("gap", seen, {"since": iso(before_s), "missing": missing})
        self.at_s, self.seq = seen.at_s, seq
