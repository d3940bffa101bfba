"""Distances on the globe, for all modules on the same sphere."""

from math import asin, cos, degrees, radians, sin, sqrt
from typing import NamedTuple

M_A_DEGREE = 111_195.0
"""Metres of a degree of latitude."""
KM_A_DEGREE = M_A_DEGREE / 1000
_EARTH_M = degrees(M_A_DEGREE)


class Place(NamedTuple):
    """Degrees."""

    lat: float
    lon: float

    @property
    def degrees(self) -> dict[str, float]:
        """As events have it: where it happened, in place of where the point that shows it was taken."""
        return {"latitude": self.lat, "longitude": self.lon}

    def metres_to(self, other: "Place") -> float:
        """Along the great circle."""
        a, b = radians(self.lat), radians(other.lat)
        half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(other.lon - self.lon) / 2) ** 2
        return 2 * _EARTH_M * asin(min(1.0, sqrt(half)))
