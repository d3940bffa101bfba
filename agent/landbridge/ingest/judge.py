"""When a point was taken, and what is doubtful about it. A doubt is a flag, never a deletion."""

from landbridge.store.points import JudgedPoint
from landbridge.wire.point import KIND_FIX, QUALITY_NONE, Point
from landbridge.wire.uplink import DeviceClock, Uplink

ZERO_POSITION = 1
FEW_SATELLITES = 2
HIGH_HDOP = 4
FUTURE = 8
UNDATED = 16
BATTERY = 32
OUT_OF_RANGE = 64

NAMES = {
    ZERO_POSITION: "zero position",
    FEW_SATELLITES: "few satellites",
    HIGH_HDOP: "high hdop",
    FUTURE: "time in the future",
    UNDATED: "undated",
    BATTERY: "battery voltage",
    OUT_OF_RANGE: "position out of range",
}
NOT_LATEST = ZERO_POSITION | FUTURE | UNDATED | OUT_OF_RANGE
"""A fix with one of these is never the latest position."""

_FEWEST_SATELLITES = 4
_HIGHEST_HDOP = 50  # 10.0: a fix worth tens of metres
_FUTURE_S = 86_400  # beyond any wrong time zone
_BATTERY_MV = (1500, 5000)


def judge(uplink: Uplink, now_s: int) -> list[JudgedPoint]:
    """Date and flag the points of `uplink`, received at `now_s`."""
    return [_judge(point, uplink.clock, now_s) for point in uplink.points]


def names(flags: int) -> list[str]:
    """The doubts in words."""
    return [name for bit, name in NAMES.items() if flags & bit]


def _judge(point: Point, clock: DeviceClock | None, now_s: int) -> JudgedPoint:
    at_s: int | None = point.time
    dated = False
    if point.quality == QUALITY_NONE:
        dated = clock is not None and clock.boot == point.boot and clock.offset_s != 0
        at_s = point.time + clock.offset_s if clock and dated else None
    flags = _position_flags(point) if point.kind == KIND_FIX else 0
    if at_s is None:
        flags |= UNDATED
    elif at_s > now_s + _FUTURE_S:
        flags |= FUTURE
    if not _BATTERY_MV[0] <= point.battery_mv <= _BATTERY_MV[1]:
        flags |= BATTERY
    return JudgedPoint(point, at_s, dated, flags)


def _position_flags(fix: Point) -> int:
    lat, lon, sats, hdop = fix.lat or 0, fix.lon or 0, fix.sats or 0, fix.hdop or 0
    flags = 0
    if lat == 0 and lon == 0:
        flags |= ZERO_POSITION
    if abs(lat) > 90_00000 or abs(lon) > 180_00000:
        flags |= OUT_OF_RANGE
    if sats < _FEWEST_SATELLITES:
        flags |= FEW_SATELLITES
    if hdop > _HIGHEST_HDOP:
        flags |= HIGH_HDOP
    return flags
