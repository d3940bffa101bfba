"""Border crossings: the outline of the country and the network's country code must agree, else it is flagged.

Alone neither is to be believed: outlines are good to a kilometre or two and a fix may err, and networks are
heard across borders.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from landbridge.core.clock import iso
from landbridge.geo import countries
from landbridge.tracking.detected import DetectedEvent, TrackPoint

COUNTS_S = 3 * 3600
"""Time for which a fix, or a heard network, is evidence for the country."""
ALONE_S = 6 * 3600
ALONE_POINTS = 3
"""Duration and number of points after which one of the two suffices when the other does not agree."""


@dataclass
class Borders:
    """The country, and the evidence for another one."""

    country: str | None = None
    seen_s: int = 0
    """The last point with evidence for it."""
    network: str | None = None
    network_s: int = 0
    place: str | None = None
    place_s: int = 0
    other: str | None = None
    """A country that one of the two shows, and the other does not."""
    by: str = ""
    other_s: int = 0
    other_points: int = 0

    def step(self, point: TrackPoint) -> Iterator[DetectedEvent]:
        """Yield the events that a point shows."""
        network = countries.of_network(point.stored.point.plmn)
        if network:
            self.network, self.network_s = network, point.at_s
        if point.place:
            self.place, self.place_s = countries.of_place(*point.place), point.at_s
        if not network and not point.place:
            return
        heard = self.network if point.at_s - self.network_s <= COUNTS_S else None
        place = self.place if point.at_s - self.place_s <= COUNTS_S else None
        if self.country is None and point.place and place and countries.is_alone(*point.place, place):
            self.country = place
        if self.country in (heard, place):
            self.seen_s = point.at_s
        if heard and heard == place:
            yield from self._enter(heard, point, None)
        else:
            yield from self._alone(point, heard)

    def _alone(self, point: TrackPoint, heard: str | None) -> Iterator[DetectedEvent]:
        """Follow the evidence of one for another country while the other disagrees."""
        if point.place and self.place and self.place != self.country:
            if not countries.is_alone(*point.place, self.place):
                return
            other, by = self.place, "place"
        elif heard and heard != self.country and not point.place:
            other, by = heard, "network"
        else:
            if point.place or self.by == "network":
                self.other, self.other_points = None, 0
            return
        if (other, by) != (self.other, self.by):
            self.other, self.by, self.other_s, self.other_points = other, by, point.at_s, 0
        self.other_points += 1
        if self.other_points >= ALONE_POINTS and point.at_s - self.other_s >= ALONE_S:
            yield from self._enter(other, point, by)

    def _enter(self, country: str, point: TrackPoint, by: str | None) -> Iterator[DetectedEvent]:
        """`by`: the only evidence; None: both agree."""
        self.other, self.other_points = None, 0
        left, self.country = self.country, country
        if left is not None and left != country:
            details = {"from": left, "to": country, "agreed": by is None, "by": by or "both"}
            yield DetectedEvent("border", point, details | {"not_before": iso(self.seen_s)}, country.lower())
        self.seen_s = point.at_s
