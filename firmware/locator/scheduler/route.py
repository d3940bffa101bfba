"""Reads the route data, a small file that the agent makes for the route of the trip.

Layout, little endian: a head, stations in the order of the route, kinds of stay, networks, tiles (four bits
each, low ones first), CRC-32 of all that. docs/reference/route-data.md says what the numbers mean.

A place on the route is a kilometre of it, in quarters (`km4`). No call raises, whatever the file says.
"""

import struct
from binascii import crc32
from collections import namedtuple

from micropython import const

from locator.scheduler import route_file as file

_STATION = "<iiHHHHHHB"  # 1e-5 degrees twice, km4, minutes/2: after, deviation, on arrival; median, MCC, stay
_NETWORK = "<IHBB"  # PLMN, cost and usable share in percent, 0
_KM4_AT = const(8)
_AFTER_AT = const(10)
_MCC_AT = const(18)
# The duration of a stop so far, in percent of its median.
_STOPPED = (0, 25, 50, 100, 150, 200, 300, 400, 600, 800, 1200, 1600)
_COSINES = (256, 255, 252, 247, 241, 232, 222, 210, 196, 181, 165, 147, 128, 108, 88, 66, 45, 22, 0)

_NEAR_KM4 = const(12)  # a fix so near a station is one at it
_BACK_KM4 = const(160)
_AHEAD_KM4 = const(3200)  # farther than a train runs between two fixes
_ON_ROUTE = const(225)  # 1e-3 degrees, 25 km
_NEAR_ROUTE = const(1350)  # beyond 150 km it is another route

UNKNOWN = const(-1)
"""Of `find`: not near the route. Of a bin: nothing is known of the place."""
_LEARNED = const(8)  # bit of a tile
_WORST_BIN = const(6)  # that the fleet has learned
_WORST_GUESS = const(4)
AHEAD_KM = const(15)
_STEPS_AHEAD = const(8)

Forecast = namedtuple(
    "Forecast",
    (
        "to_go_s",
        "deviation_s",
        "country_s",
        "bin",
        "learned",
        "mcc",
        "next_mcc",
        "leg_s",
        "networks",
        "costs",
        "shares",
        "ahead",
    ),
)
"""`next_mcc` is the country of the next station, `leg_s` the time from station to station. `networks` are
PLMNs of the country; `costs` what a report over each costs in percent of the cheapest,
`shares` where each can be used in percent of the route there; 0: unknown. `ahead` are bins of what lies
ahead in steps of AHEAD_KM, on the move where the fleet has been."""


def load(folder):
    """Return the `Route` in the directory, None if there is no complete one."""
    try:
        with open(folder + file.FILE, "rb") as f:
            data = f.read(file.MOST_BYTES + 1)
    except (OSError, MemoryError):
        return None
    return Route(data) if is_whole(data) else None


def is_whole(data):
    """Return whether `data` are undamaged route data of this version."""
    if len(data) < file.HEAD_SIZE or len(data) != file.size_of(data):
        return False
    end = len(data) - 4
    return crc32(memoryview(data)[:end]) == struct.unpack_from("<I", data, end)[0]


class Route:
    """Complete route data, as bytes."""

    def __init__(self, data):
        self._data = data
        head = struct.unpack_from(file.HEAD, data)
        _, self._stations, self._networks, self._tile_km, self._tiles, self._stays, _, _ = head
        self._stays_at = file.HEAD_SIZE + self._stations * file.STATION_SIZE
        self._networks_at = self._stays_at + self._stays * file.STAY_SIZE
        self._tiles_at = self._networks_at + self._networks * file.NETWORK_SIZE
        self._mcc = 0
        self._country: tuple = (), (), ()

    def find(self, lat_e7, lon_e7, before_km4):
        """Return the kilometre of a fix on the route, in quarters, UNKNOWN if it is not near it. `before_km4`
        is that of the previous fix, or UNKNOWN: a route may pass near itself."""
        lat, lon = lat_e7 // 10000, lon_e7 // 10000
        if before_km4 >= 0:
            off, km4 = self._nearest(lat, lon, before_km4 - _BACK_KM4, before_km4 + _AHEAD_KM4)
            if off <= _ON_ROUTE * _ON_ROUTE:
                return km4
        off, km4 = self._nearest(lat, lon, UNKNOWN, 1 << 16)
        return km4 if off <= _NEAR_ROUTE * _NEAR_ROUTE else UNKNOWN

    def _nearest(self, lat, lon, first_km4, last_km4):
        """Return (square of the distance in 1e-3 degrees, km4) of the nearest place on the legs between."""
        cosine = _cosine(lat)
        best, best_km4 = 1 << 29, UNKNOWN
        first = self._station(first_km4)
        y1, x1, km1 = self._point(first)
        for i in range(first + 1, self._stations):
            y0, x0, km0 = y1, x1, km1
            y1, x1, km1 = self._point(i)
            if km0 > last_km4:
                break
            north, east = y1 - y0, (x1 - x0) * cosine >> 8
            up, right = lat - y0, (lon - x0) * cosine >> 8
            part = _part(up * north + right * east, north * north + east * east)
            up -= north * part >> 10
            right -= east * part >> 10
            off = up * up + right * right
            if off < best:
                best, best_km4 = off, km0 + ((km1 - km0) * part >> 10)
        return best, best_km4

    def _point(self, i):
        lat, lon, km4 = struct.unpack_from("<iiH", self._data, file.HEAD_SIZE + i * file.STATION_SIZE)
        return lat // 100, lon // 100, km4

    def forecast(self, km4, moving, since_s, stopped_s):
        """Return the `Forecast` from a fix at `km4` (of `find`): the train runs and the fix is `since_s` old,
        or it has stood for `stopped_s`. On the move it is the forecast of where the train is by now."""
        i = self._station(km4 + _NEAR_KM4)
        _, _, at_km4, after, deviation, _, median, mcc, stay = self._read(i)
        _, _, next_km4, _, _, arrival, _, next_mcc, _ = self._read(min(i + 1, self._stations - 1))
        to_go_s, deviation_s = 120 * after, 120 * deviation
        if km4 - at_km4 < _NEAR_KM4 and not moving:
            rest_s, rest_deviation_s = self._stay(stay, median, stopped_s)
            to_go_s += rest_s
            deviation_s = _hypotenuse(deviation_s, rest_deviation_s)
        elif next_km4 > at_km4:
            part = min(max(km4 - at_km4, 0), next_km4 - at_km4)
            to_go_s += 120 * (arrival - after) * part // (next_km4 - at_km4)
            if moving:
                to_go_s -= since_s
                run_km4 = since_s * (next_km4 - at_km4) // max(120 * (after - arrival), 1)
                km4 = min(km4 + run_km4, max(km4, next_km4))
        leg_s = 120 * max(0, after - arrival)
        if 2 * km4 > at_km4 + next_km4:  # a border lies in the middle between two stations
            i, mcc = min(i + 1, self._stations - 1), next_mcc
        to_go_s = max(0, to_go_s)
        tile = self._tile(km4)
        known = tile & 7 <= (_WORST_BIN if tile & _LEARNED else _WORST_GUESS)
        place = tile & 7 if known else UNKNOWN
        country_s = max(0, to_go_s - self._border_s(i, mcc))
        learned = 1 if tile & _LEARNED and known else 0
        ahead = self._ahead(km4) if moving and learned else ()
        plmns, costs, shares = self._known(mcc)
        ways = (mcc, next_mcc, leg_s, plmns, costs, shares)
        return Forecast(to_go_s, deviation_s, country_s, place, learned, *ways, ahead)

    def _ahead(self, km4):
        """Return the bin of the best learned tile in each AHEAD_KM ahead, UNKNOWN without one."""
        bins: list = []
        for k in range(1, _STEPS_AHEAD + 1):
            best = _LEARNED << 1
            for at in range(km4 + 4 * AHEAD_KM * k, km4 + 4 * AHEAD_KM * (k + 1), 4 * self._tile_km):
                tile = self._tile(at)
                if tile & _LEARNED and tile & 7 <= _WORST_BIN:
                    best = min(best, tile)
            bins.append(best & 7 if best < _LEARNED << 1 else UNKNOWN)
        return tuple(bins)

    def _known(self, mcc):
        """Return (PLMNs, costs, shares) of the known networks of a country."""
        if mcc != self._mcc:
            found = [self._network(i) for i in range(self._networks)]
            found = [each for each in found if each[0] // 1000 == mcc]
            self._country = tuple([tuple([each[k] for each in found]) for k in range(3)])
            self._mcc = mcc
        return self._country

    def _read(self, i):
        return struct.unpack_from(_STATION, self._data, file.HEAD_SIZE + i * file.STATION_SIZE)

    def _network(self, i):
        return struct.unpack_from(_NETWORK, self._data, self._networks_at + i * file.NETWORK_SIZE)

    def _short(self, i, at):
        return struct.unpack_from("<H", self._data, file.HEAD_SIZE + i * file.STATION_SIZE + at)[0]

    def _station(self, km4):
        """Return the last station up to there, the first one if there is none."""
        low, high = 0, self._stations - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._short(middle, _KM4_AT) <= km4:
                low = middle
            else:
                high = middle - 1
        return low

    def _border_s(self, i, mcc):
        """Return the seconds to go after the last station of this country, 0 if the route ends there."""
        while i < self._stations and self._short(i, _MCC_AT) == mcc:
            i += 1
        return 120 * self._short(i - 1, _AFTER_AT) if 0 < i < self._stations else 0

    def _tile(self, km4):
        i = km4 // (4 * self._tile_km)
        if not 0 <= i < self._tiles:
            return _WORST_BIN + 1
        return self._data[self._tiles_at + i // 2] >> 4 * (i & 1) & 15

    def _stay(self, stay, median, stopped_s):
        """Return mean and deviation in s of the rest of a stop that has lasted for `stopped_s`."""
        if not median or stay >= self._stays:
            return 0, 0
        stopped = min(max(stopped_s, 0) // 60 * 100 // median, _STOPPED[-1])
        k = 1
        while stopped > _STOPPED[k]:
            k += 1
        low, high = _STOPPED[k - 1], _STOPPED[k]
        at = self._stays_at + stay * file.STAY_SIZE + 4 * (k - 1)
        mean, spread, next_mean, next_spread = struct.unpack_from("<HHHH", self._data, at)
        mean += (next_mean - mean) * (stopped - low) // (high - low)
        spread += (next_spread - spread) * (stopped - low) // (high - low)
        return 3 * median * mean // 5, 3 * median * spread // 5


def _cosine(lat):
    """Return 256 times the cosine of a latitude in 1e-3 degrees."""
    lat = min(abs(lat), 89999)
    i, rest = lat // 5000, lat % 5000
    return _COSINES[i] + (_COSINES[i + 1] - _COSINES[i]) * rest // 5000


def _part(along, square):
    """Return the part of a leg in 1024ths: the scalar product with it over the square of its length."""
    if along <= 0:
        return 0
    if along >= square:
        return 1024
    return (along << 10) // square if square < 1 << 20 else along // (square >> 10)


def _hypotenuse(a, b):
    """Return the root of the sum of squares, within 3 %."""
    a, b = max(a, b), min(a, b)
    return max(a, 7 * a // 8 + b // 2)
