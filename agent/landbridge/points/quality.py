"""The time of a point, and its quality flags. A doubtful point is flagged, never removed."""

from collections.abc import Sequence

from landbridge.points.rows import CheckedPoint, CheckedPoints
from landbridge.protocol.point import KIND_FIX, QUALITY_NONE, Point, Points
from landbridge.protocol.uplink import DeviceClock

ZERO_POSITION = 1
FEW_SATELLITES = 2
HIGH_HDOP = 4
FUTURE = 8
UNDATED = 16
BATTERY = 32
OUT_OF_RANGE = 64
PAST = 128
BY_ARRIVAL = 256
IMPLIED_SPEED = 512  # by its neighbours: tracking/speed.py

NAMES = {
    ZERO_POSITION: "zero position",
    FEW_SATELLITES: "few satellites",
    HIGH_HDOP: "high hdop",
    FUTURE: "time in the future",
    UNDATED: "undated",
    BATTERY: "battery voltage",
    OUT_OF_RANGE: "position out of range",
    PAST: "time long past",
    BY_ARRIVAL: "dated by arrival",
    IMPLIED_SPEED: "implied speed",
}
NO_TIME = FUTURE | UNDATED | PAST
"""Points with one of these are not used by tracking."""
NOWHERE = ZERO_POSITION | OUT_OF_RANGE
"""Fixes with one of these have no position."""
WRONG_PLACE = NOWHERE | IMPLIED_SPEED
"""Fixes with one of these were taken elsewhere."""
NOT_LATEST = WRONG_PLACE | NO_TIME
"""Fixes with one of these are never the latest position."""
NO_PLACE = NOT_LATEST | FEW_SATELLITES | HIGH_HDOP
"""Fixes with one of these have no reliable time or place and are on no line."""

_FEWEST_SATELLITES = 4
_HIGHEST_HDOP = 50  # 10.0: a fix worth tens of metres
_MOST_LAT, _MOST_LON = 90_00000, 180_00000
_DAY_S = 86_400  # beyond any wrong time zone
AHEAD_S = 600  # satellites date a fix: this is for the error of the agent's own clock
_LONGEST_S = 366 * _DAY_S  # a flash holds months; clocks that were reset are years slow
_BATTERY_MV = (1500, 5000)


def check_all(points: Sequence[Point], clock: DeviceClock | None, now_s: int) -> CheckedPoints:
    """Apply `check` to the points of one uplink."""
    columns = Points.of(points)
    if points and _are_plain(columns, now_s):
        n = len(points)
        return CheckedPoints([*columns.columns, columns.column("time"), [False] * n, [0] * n])
    return CheckedPoints.of([check(point, clock, now_s) for point in points])


def check(point: Point, clock: DeviceClock | None, now_s: int) -> CheckedPoint:
    """Return the point with time and flags; `clock` is that of its device's uplink, which arrived at
    `now_s`."""
    at_s, flags = _date(point, clock, now_s)
    if point.kind == KIND_FIX:
        flags |= _position_flags(point)
    if at_s is not None and at_s > now_s + (AHEAD_S if point.kind == KIND_FIX else _DAY_S):
        flags |= FUTURE
    if at_s is not None and at_s < now_s - _LONGEST_S:
        flags |= PAST
    if point.battery_mv and not _BATTERY_MV[0] <= point.battery_mv <= _BATTERY_MV[1]:
        flags |= BATTERY
    dated = point.quality == QUALITY_NONE and at_s is not None
    return CheckedPoint(point, at_s, dated, flags)


def knows_time(clock: DeviceClock, now_s: int) -> bool:
    """Whether the device has an offset that agrees with the arrival at `now_s`. An uplink may be delayed by
    a day, but it never arrives before it was sent."""
    late_s = _power_on_s(clock, now_s) - clock.offset_s
    return clock.offset_s != 0 and -AHEAD_S <= late_s <= _DAY_S


def ended_by(clock: DeviceClock, now_s: int) -> int:
    """Return the quality flags that the clock of an uplink, which arrived at `now_s`, can replace for its
    power-on."""
    return UNDATED | BY_ARRIVAL if knows_time(clock, now_s) else UNDATED


def names(flags: int) -> list[str]:
    """Return the names of the flags."""
    return [name for bit, name in NAMES.items() if flags & bit] if flags else []


def _are_plain(points: Points, now_s: int) -> bool:
    """Whether `check` would flag and date none of these fixes. That holds for most uplinks, and their columns
    show it in a fraction of the time."""
    _, times, kinds, qualities, _, _, lat, lon, _, _, _, hdop, sats, battery, *_ = points.columns
    if max(kinds) != KIND_FIX or QUALITY_NONE in qualities:
        return False
    return (
        now_s - _LONGEST_S <= min(times)
        and max(times) <= now_s + AHEAD_S
        and min(sats) >= _FEWEST_SATELLITES
        and max(hdop) <= _HIGHEST_HDOP
        and min(lat) >= -_MOST_LAT
        and max(lat) <= _MOST_LAT
        and min(lon) >= -_MOST_LON
        and max(lon) <= _MOST_LON
        and (0 not in lat or 0 not in lon)
        and min(battery) * 20 >= _BATTERY_MV[0]
        and max(battery) * 20 <= _BATTERY_MV[1]
    )


def _power_on_s(clock: DeviceClock, now_s: int) -> int:
    """Return when the device was switched on, by an uplink that was not delayed."""
    return now_s - clock.since_power_on_s


def _date(point: Point, clock: DeviceClock | None, now_s: int) -> tuple[int | None, int]:
    """Return when `point` was taken, and the flag for the certainty of that."""
    if point.quality != QUALITY_NONE:
        return point.time, 0
    if clock is None or clock.boot != point.boot:
        return None, UNDATED
    if knows_time(clock, now_s):
        return point.time + clock.offset_s, 0
    return point.time + _power_on_s(clock, now_s), BY_ARRIVAL


def _position_flags(fix: Point) -> int:
    lat, lon, sats, hdop = fix.lat or 0, fix.lon or 0, fix.sats or 0, fix.hdop or 0
    flags = 0
    if lat == 0 and lon == 0:
        flags |= ZERO_POSITION
    if abs(lat) > _MOST_LAT or abs(lon) > _MOST_LON:
        flags |= OUT_OF_RANGE
    if sats < _FEWEST_SATELLITES:
        flags |= FEW_SATELLITES
    if hdop > _HIGHEST_HDOP:
        flags |= HIGH_HDOP
    return flags
