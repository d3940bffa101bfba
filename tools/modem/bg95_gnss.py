"""BG95: GNSS, which shares the one receiver with the network (GNSS manual V1.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tools.modem.air import Fix
from tools.modem.errors import Refused
from tools.modem.nmea import minutes
from tools.modem.request import Request, Table

if TYPE_CHECKING:
    from tools.modem.unit import Unit

BAD_PARAMETER, ONGOING, NOT_ACTIVE, NOT_FIXED = 501, 504, 505, 516


def start(unit: Unit, request: Request) -> None:
    """AT+QGPS=1"""
    if request.text(0) != "1":
        raise Refused(BAD_PARAMETER)
    if unit.gnss.on:
        raise Refused(ONGOING)
    unit.gnss.start()
    if unit.nv.gnss_first:
        unit.radio.lend()


def state(unit: Unit, request: Request) -> None:
    """AT+QGPS?"""
    unit.at.info(f"+QGPS: {int(unit.gnss.on)}")


def end(unit: Unit, request: Request) -> None:
    """AT+QGPSEND"""
    if not unit.gnss.on:
        raise Refused(NOT_ACTIVE)
    unit.gnss.stop()
    unit.radio.take_back()
    unit.radio.bearer.consider_psm()


def configure(unit: Unit, request: Request) -> None:
    """AT+QGPSCFG="priority",<0 GNSS, 1 network>: whom the receiver obeys."""
    if request.text(0).lower() != "priority":
        raise Refused(BAD_PARAMETER)
    if not request.has(1):
        unit.at.info(f'+QGPSCFG: "priority",{0 if unit.nv.gnss_first else 1}')
        return
    unit.nv.gnss_first = request.number(1, 0, 1) == 0
    if not unit.nv.gnss_first:
        unit.radio.take_back()
    elif unit.gnss.on:
        unit.radio.lend()


def locate(unit: Unit, request: Request) -> None:
    """AT+QGPSLOC=<0, 1, 2>: the form of the coordinates."""
    form = request.number(0, 0, 2)
    if not unit.gnss.on:
        raise Refused(NOT_ACTIVE)
    fix = unit.gnss.fix()
    if fix is None:
        raise Refused(NOT_FIXED)
    fix = printed(fix)
    unit.gnss.given(fix)
    at = datetime.fromtimestamp(fix.unix_s, UTC)
    place = _place(fix, form)
    height = f"{fix.hdop:.1f},{fix.alt_m:.1f},3"
    motion = f"{fix.heading_deg:.1f},{fix.speed_kmh:.1f},{fix.speed_kmh / 1.852:.1f}"
    unit.at.info(f"+QGPSLOC: {at:%H%M%S}.0,{place},{height},{motion},{at:%d%m%y},{fix.satellites:02d}")


def printed(fix: Fix) -> Fix:
    """The fix in the digits of form 2."""
    return replace(
        fix,
        lat=round(fix.lat, 5),
        lon=round(fix.lon, 5),
        hdop=round(fix.hdop, 1),
        alt_m=round(fix.alt_m, 1),
        heading_deg=round(fix.heading_deg, 1) % 360,
        speed_kmh=round(fix.speed_kmh, 1),
    )


def _place(fix: Fix, form: int) -> str:
    if form == 2:
        return f"{fix.lat:.5f},{fix.lon:.5f}"
    digits, comma = (4, "") if form == 0 else (6, ",")
    north, east = "N" if fix.lat >= 0 else "S", "E" if fix.lon >= 0 else "W"
    return f"{minutes(fix.lat, 2, digits)}{comma}{north},{minutes(fix.lon, 3, digits)}{comma}{east}"


GNSS: Table = {
    "+QGPS=": start,
    "+QGPS?": state,
    "+QGPSEND": end,
    "+QGPSCFG=": configure,
    "+QGPSLOC=": locate,
}
