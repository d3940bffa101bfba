"""BG95: GNSS, which shares the one receiver with the network (GNSS manual V1.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tools.modem.engine.errors import FILE_NOT_FOUND, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.gnss import assistance
from tools.modem.gnss.nmea import minutes
from tools.modem.network.air import Fix

if TYPE_CHECKING:
    from tools.modem.unit import Unit

_KEPT = {"outport": '"uartnmea"', "nmeasrc": "0", "gnssconfig": "0", "autogps": "0"}
BAD_TIME, NO_XTRA = 508, 509
BAD_PARAMETER, ONGOING, NOT_ACTIVE, NOT_FIXED = 501, 504, 505, 516


def start(unit: Unit, request: Request) -> None:
    """AT+QGPS=1[,<longest fix s>,<accuracy m>,<fixes, 0: for ever>,<interval s>]"""
    if request.text(0) != "1":
        raise Refused(BAD_PARAMETER)
    for index, most in ((1, 255), (2, 1_000), (3, 1_000), (4, 65_535)):
        _number(request, index, 0, most, 1)
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
    """AT+QGPSCFG="priority",<0 GNSS, 1 network>[,<1: keep>]: whom the receiver obeys; other keys are kept
    and change nothing."""
    key = request.text(0).lower()
    if key in _KEPT:
        if request.has(1):
            unit.nv.settings[f"gnss/{key}"] = request.text(1)
        else:
            unit.at.info(f'+QGPSCFG: "{key}",{unit.nv.settings.get(f"gnss/{key}", _KEPT[key])}')
        return
    if key != "priority":
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


def _number(request: Request, index: int, low: int, high: int, default: int | None = None) -> int:
    """An argument; refused with the code of GNSS."""
    try:
        return request.number(index, low, high, default)
    except Refused:
        raise Refused(BAD_PARAMETER) from None


def set_xtra(unit: Unit, request: Request) -> None:
    """AT+QGPSXTRA=<0, 1>: from the next boot on."""
    unit.nv.settings["xtra"] = str(_number(request, 0, 0, 1))


def get_xtra(unit: Unit, request: Request) -> None:
    """AT+QGPSXTRA?"""
    unit.at.info(f"+QGPSXTRA: {unit.nv.settings.get('xtra', '0')}")


def inject_time(unit: Unit, request: Request) -> None:
    """AT+QGPSXTRATIME=0,"yyyy/mm/dd,hh:mm:ss",<1 UTC>,<1 force>,<uncertainty s>"""
    _need_xtra(unit)
    try:
        at = datetime.strptime(request.text(1), "%Y/%m/%d,%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise Refused(BAD_PARAMETER) from None
    if not assistance.inject_time(unit, at):
        raise Refused(BAD_TIME)


def load_xtra(unit: Unit, request: Request) -> None:
    """AT+QGPSXTRADATA="UFS:<file>": after AT+QFUPL and the time"""
    _need_xtra(unit)
    if request.text(0).removeprefix("UFS:") not in unit.nv.files:
        raise Refused(FILE_NOT_FOUND)
    if not unit.clock.known:
        raise Refused(BAD_TIME)
    assistance.load(unit)


def xtra_age(unit: Unit, request: Request) -> None:
    """AT+QGPSXTRADATA?: minutes left, and from when"""
    _need_xtra(unit)
    minutes_left, start = assistance.left(unit)
    unit.at.info(f'+QGPSXTRADATA: {minutes_left},"{start:%Y/%m/%d,%H:%M:%S}"')


def _need_xtra(unit: Unit) -> None:
    if not assistance.enabled(unit):
        raise Refused(NO_XTRA)


def delete(unit: Unit, request: Request) -> None:
    """AT+QGPSDEL=<0 for a cold start, 1 for a hot one, 2 for a warm one>: what was received is forgotten.
    3, the predicted orbits, is accepted and does nothing."""
    if unit.gnss.on:
        raise Refused(ONGOING)
    what = _number(request, 0, 0, 3)
    if what == 0:
        unit.gnss.forget()
    elif what == 2:
        unit.gnss.forget_ephemeris()


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
    "+QGPSDEL=": delete,
    "+QGPSXTRA=": set_xtra,
    "+QGPSXTRA?": get_xtra,
    "+QGPSXTRATIME=": inject_time,
    "+QGPSXTRADATA=": load_xtra,
    "+QGPSXTRADATA?": xtra_age,
}
