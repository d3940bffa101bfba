"""One record of a device: 20 fields in the record's own units, and the same in natural ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from landbridge.protocol.columns import Rows

KIND_FIX, KIND_CELL, KIND_REUSED = 1, 2, 3
QUALITY_NONE, QUALITY_RTC, QUALITY_NETWORK, QUALITY_GNSS = 0, 1, 2, 3
EVENTS = {
    1: "light",
    2: "shock",
    4: "temperature",
    8: "battery",
    16: "departed",
    32: "stopped",
    64: "country",
    128: "power-on",
    256: "tilt",
    512: "tamper",
    1024: "card",
    2048: "gnss",
    4096: "temperature-back",
}
"""Bits of `Point.events`."""
POSITION_FIELDS = ("lat", "lon", "alt", "speed", "heading", "hdop", "sats")
"""Meaningless unless `kind` is KIND_FIX."""
CELL_FIELDS = ("tac", "cell", "rsrp")
"""Meaningless when `plmn` is 0."""


class Point(NamedTuple):
    """A record as decoded; fields that mean nothing for its kind are None.

    The names and units are the record's (docs/reference/protocol.md), so that what was measured, sent and
    stored compares number by number. Order: the columns of an uplink.
    """

    seq: int
    """Capture sequence from 1, never reused by the device."""
    time: int
    """Seconds since 2000-01-01T00:00:00Z; with quality 0, seconds since power-on."""
    kind: int
    """1 fix, 2 cell, 3 neither."""
    quality: int
    """Quality of the time: 0 none, 1 RTC, 2 network, 3 GNSS."""
    events: int
    """Bits as in EVENTS."""
    boot: int
    """Power-on counter."""
    lat: int | None
    """1e-5 degrees north."""
    lon: int | None
    """1e-5 degrees east."""
    alt: int | None
    """2 m."""
    speed: int | None
    """km/h."""
    heading: int | None
    """2 degrees."""
    hdop: int | None
    """0.2."""
    sats: int | None
    battery: int
    """20 mV."""
    temperature: int
    """0.5 C."""
    plmn: int
    """MCC * 1000 + MNC, 0 none."""
    tac: int | None
    cell: int | None
    rsrp: int | None
    """-dBm, 0 unknown."""
    motion: int
    """Counts since the last wake, at most 255."""

    def meaningful(self) -> "Point":
        """This point without the values that its columns only carried on."""
        point = self
        if self.kind != KIND_FIX:
            point = point._replace(
                lat=None, lon=None, alt=None, speed=None, heading=None, hdop=None, sats=None
            )
        if self.plmn == 0:
            point = point._replace(tac=None, cell=None, rsrp=None)
        return point

    @property
    def latitude_deg(self) -> float | None:
        """Degrees north."""
        return None if self.lat is None else self.lat / 1e5

    @property
    def longitude_deg(self) -> float | None:
        """Degrees east."""
        return None if self.lon is None else self.lon / 1e5

    @property
    def altitude_m(self) -> int | None:
        """Metres above the ellipsoid's mean sea level."""
        return None if self.alt is None else self.alt * 2

    @property
    def heading_deg(self) -> int | None:
        """Degrees from north, clockwise."""
        return None if self.heading is None else self.heading * 2

    @property
    def hdop_ratio(self) -> float | None:
        """Horizontal dilution of precision."""
        return None if self.hdop is None else self.hdop / 5

    @property
    def battery_mv(self) -> int | None:
        """Battery under the load of that moment; None where the device cannot measure it."""
        return self.battery * 20 or None

    @property
    def temperature_c(self) -> float:
        """Degrees Celsius."""
        return self.temperature / 2

    @property
    def rsrp_dbm(self) -> int | None:
        """Received power of the serving cell."""
        return -self.rsrp if self.rsrp else None

    @property
    def event_names(self) -> list[str]:
        """The names of the events that are set, lowest bit first."""
        return [name for bit, name in EVENTS.items() if self.events & bit] if self.events else []


class Points(Rows[Point]):
    """Points by column, as an uplink has them: the columns are the fields of `Point`, in that order."""

    __slots__ = ()
    places = {name: place for place, name in enumerate(Point._fields)}

    @staticmethod
    def of(points: Sequence[Point]) -> "Points":
        """`points`, which may be by column already."""
        if isinstance(points, Points):
            return points
        return Points(list(zip(*points, strict=True)) or [()] * len(Point._fields))

    def meaningful(self) -> "Points":
        """The points without the values that their columns only carried on."""
        columns = list(self.columns)
        kinds, networks = self.column("kind"), self.column("plmn")
        if kinds.count(KIND_FIX) < len(self):
            for place in map(self.places.__getitem__, POSITION_FIELDS):
                known = zip(kinds, columns[place], strict=True)
                columns[place] = [value if kind == KIND_FIX else None for kind, value in known]
        if 0 in networks:
            for place in map(self.places.__getitem__, CELL_FIELDS):
                columns[place] = [
                    value if plmn else None for plmn, value in zip(networks, columns[place], strict=True)
                ]
        return Points(columns)

    @staticmethod
    def _made(values: Sequence[Any]) -> Point:
        return Point._make(values)
