"""SIM7600: GNSS beside the network (GNSS application note V3.00)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tools.modem.air import Fix
from tools.modem.errors import Refused
from tools.modem.nmea import minutes
from tools.modem.request import Request, Table
from tools.modem.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

STOP_MS = (2_000, 6_000)
"""From AT+CGPS=0 to its end; a start before is refused."""
_STOPPING = "+CGPS/stopping"
KNOT_KMH = 1.852


def switch(unit: Unit, request: Request) -> None:
    """AT+CGPS=<0, 1>[,<1 stand-alone>]"""
    on = request.number(0, 0, 1) == 1
    request.number(1, 1, 3, 1)
    if on == unit.gnss.on or _STOPPING in unit.volatile:
        raise Refused
    if on:
        unit.gnss.start()
        return
    unit.volatile[_STOPPING] = ""
    unit.at.after(_stop(unit))


def _stop(unit: Unit) -> Work:
    yield unit.pause(*STOP_MS)
    unit.gnss.stop()
    unit.volatile.pop(_STOPPING, None)
    unit.at.urc("+CGPS: 0")


def state(unit: Unit, request: Request) -> None:
    """AT+CGPS?"""
    unit.at.info(f"+CGPS: {int(unit.gnss.on)},1")


def position(unit: Unit, request: Request) -> None:
    """AT+CGPSINFO"""
    fix = _fix(unit)
    if fix is None:
        unit.at.info("+CGPSINFO: ,,,,,,,,")
        return
    at = datetime.fromtimestamp(fix.unix_s, UTC)
    motion = f"{fix.alt_m:.1f},{fix.speed_kmh / KNOT_KMH:.1f},{fix.heading_deg:.1f}"
    unit.at.info(f"+CGPSINFO: {_place(fix)},{at:%d%m%y},{at:%H%M%S}.0,{motion}")


def full_position(unit: Unit, request: Request) -> None:
    """AT+CGNSSINFO; of the satellites two in three are of GPS."""
    fix = _fix(unit)
    if fix is None:
        unit.at.info("+CGNSSINFO: ,,,,,,,,,,,,,,,")
        return
    at = datetime.fromtimestamp(fix.unix_s, UTC)
    gps = (2 * fix.satellites + 2) // 3
    satellites = f"2,{gps:02d},{fix.satellites - gps:02d},00"
    motion = f"{fix.alt_m:.1f},{fix.speed_kmh / KNOT_KMH:.1f},{fix.heading_deg:.1f}"
    dilution = f"{fix.hdop * 1.6:.1f},{fix.hdop:.1f},{fix.hdop * 1.2:.1f}"
    unit.at.info(f"+CGNSSINFO: {satellites},{_place(fix)},{at:%d%m%y},{at:%H%M%S}.0,{motion},{dilution}")


def _fix(unit: Unit) -> Fix | None:
    if _STOPPING in unit.volatile:
        return None
    fix = unit.gnss.fix()
    if fix is None:
        return None
    fix = printed(fix)
    unit.gnss.given(fix)
    return fix


def printed(fix: Fix) -> Fix:
    """The fix in the digits of the answer: 1e-6 minutes, 0.1 m, 0.1 knots, 0.1 degrees, 0.1 HDOP."""
    return replace(
        fix,
        lat=round(fix.lat * 6e7) / 6e7,
        lon=round(fix.lon * 6e7) / 6e7,
        hdop=round(fix.hdop, 1),
        alt_m=round(fix.alt_m, 1),
        heading_deg=round(fix.heading_deg, 1) % 360,
        speed_kmh=round(fix.speed_kmh / KNOT_KMH, 1) * KNOT_KMH,
    )


def _place(fix: Fix) -> str:
    north, east = "N" if fix.lat >= 0 else "S", "E" if fix.lon >= 0 else "W"
    return f"{minutes(fix.lat, 2, 6)},{north},{minutes(fix.lon, 3, 6)},{east}"


GNSS: Table = {
    "+CGPS=": switch,
    "+CGPS?": state,
    "+CGPSINFO": position,
    "+CGNSSINFO": full_position,
}
