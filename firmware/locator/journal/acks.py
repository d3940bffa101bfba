"""The acknowledged capture sequences: a few sorted, disjoint, inclusive ranges."""

from micropython import const

MAX_RANGES = const(16)


class Acks:
    """The acknowledged ranges. `ranges` is a flat list [lo, hi, lo, hi, ...].

    When there would be more than MAX_RANGES, the shortest range is forgotten: its records are sent
    once more, and the agent removes the duplicates.
    """

    def __init__(self, ranges=()):
        self.ranges = list(ranges)

    def add(self, lo, hi):
        """Add the inclusive range `lo`..`hi`, joined with what it touches."""
        merged: list = []
        at = len(merged)
        for i in range(0, len(self.ranges), 2):
            old_lo, old_hi = self.ranges[i], self.ranges[i + 1]
            if old_hi + 1 < lo:
                merged += (old_lo, old_hi)
                at = len(merged)
            elif old_lo > hi + 1:
                merged += (old_lo, old_hi)
            else:
                lo = min(lo, old_lo)
                hi = max(hi, old_hi)
        ranges = self.ranges = merged[:at] + [lo, hi] + merged[at:]
        while len(ranges) > 2 * MAX_RANGES:
            shortest = min(range(0, len(ranges), 2), key=lambda i: ranges[i + 1] - ranges[i])
            del ranges[shortest : shortest + 2]

    def has(self, seq):
        """True when `seq` is acknowledged."""
        for i in range(0, len(self.ranges), 2):
            if self.ranges[i] <= seq <= self.ranges[i + 1]:
                return True
        return False

    def covers(self, lo, hi):
        """True when all of `lo`..`hi` is acknowledged."""
        for i in range(0, len(self.ranges), 2):
            if self.ranges[i] <= lo and hi <= self.ranges[i + 1]:
                return True
        return lo > hi

    def last(self):
        """The highest sequence acknowledged, 0 when there is none."""
        return self.ranges[-1] if self.ranges else 0

    def count(self, lo, hi):
        """Number of sequences acknowledged in the inclusive range `lo`..`hi`."""
        total = 0
        for i in range(0, len(self.ranges), 2):
            total += max(0, min(self.ranges[i + 1], hi) - max(self.ranges[i], lo) + 1)
        return total
