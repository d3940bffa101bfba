"""SIM7600: GNSS and the network at the same time (GNSS application note V3.00)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tools.modem.engine.errors import Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work
from tools.modem.gnss import assistance
from tools.modem.gnss.nmea import minutes
from tools.modem.network.air import Fix
from tools.modem.sim7600.sockets import PDP_CID

if TYPE_CHECKING:
    from tools.modem.unit import Unit

STOP_MS = (2_000, 6_000)
"""From AT+CGPS=0 to its end; a start before is refused."""
_STOPPING = "+CGPS/stopping"
KNOT_KMH = 1.852
XTRA_BYTES = 40_000
XTRA_SERVER = ("xtrapath1.izatcloud.net", 443)
"""Which is asked by the modem itself [C]."""
XTRA_FAILED, XTRA_OFF = 1, 2


def switch(unit: Unit, request: Request) -> None:
    """AT+CGPS=<0, 1>[,<1 stand-alone>]"""
    on = request.number(0, 0, 1) == 1
    request.number(1, 1, 3, 1)
    if on == unit.gnss.on or _STOPPING in unit.volatile:
        raise Refused
    if on:
        _start(unit)
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


def cold(unit: Unit, request: Request) -> None:
    """AT+CGPSCOLD: start without what was received before."""
    unit.gnss.forget()
    hot(unit, request)


def hot(unit: Unit, request: Request) -> None:
    """AT+CGPSHOT: start with what was received before."""
    if unit.gnss.on or _STOPPING in unit.volatile:
        raise Refused
    _start(unit)


def _start(unit: Unit) -> None:
    unit.gnss.start()
    automatic = unit.nv.settings.get("xtra/auto") == "1"
    if automatic and assistance.enabled(unit) and not assistance.left(unit)[0]:
        unit.at.after(_download(unit, reported=False))


def set_xtra(unit: Unit, request: Request) -> None:
    """AT+CGPSXE=<0, 1>: from the next boot on."""
    unit.nv.settings["xtra"] = str(request.number(0, 0, 1))


def get_xtra(unit: Unit, request: Request) -> None:
    """AT+CGPSXE?"""
    unit.at.info(f"+CGPSXE: {unit.nv.settings.get('xtra', '0')}")


def load_xtra(unit: Unit, request: Request) -> None:
    """AT+CGPSXD=<server 0 to 2>: +CGPSXD: 0 when it is received"""
    request.number(0, 0, 2)
    unit.at.after(_download(unit, reported=True))


def _download(unit: Unit, reported: bool) -> Work:
    code = XTRA_OFF
    if assistance.enabled(unit):
        leads = unit.pdp.leads(PDP_CID, *XTRA_SERVER)
        came = leads and (yield from unit.radio.bearer.exchange(400, XTRA_BYTES, 4))
        code = 0 if came else XTRA_FAILED
    if code == 0:
        assistance.load(unit)
    if reported:
        unit.at.urc(f"+CGPSXD: {code}")


def set_automatic(unit: Unit, request: Request) -> None:
    """AT+CGPSXDAUTO=<0, 1>: load by itself when GNSS starts."""
    unit.nv.settings["xtra/auto"] = str(request.number(0, 0, 1))


def get_automatic(unit: Unit, request: Request) -> None:
    """AT+CGPSXDAUTO?"""
    unit.at.info(f"+CGPSXDAUTO: {unit.nv.settings.get('xtra/auto', '0')}")


def set_systems(unit: Unit, request: Request) -> None:
    """AT+CGNSSMODE=<systems>[,<DPO>]: from the next boot on; all systems look alike here."""
    unit.nv.settings["gnss/mode"] = f"{request.number(0, 0, 15)},{request.number(1, 0, 1, 1)}"


def get_systems(unit: Unit, request: Request) -> None:
    """AT+CGNSSMODE?"""
    unit.at.info(f"+CGNSSMODE: {unit.nv.settings.get('gnss/mode', '15,1')}")


def repeat_position(unit: Unit, request: Request) -> None:
    """AT+CGPSINFO=<s>, AT+CGNSSINFO=<s>: report it in this interval; 0 ends that."""
    name = request.key[:-1]
    line = _position if name == "+CGPSINFO" else _full_position
    unit.repeat(name, 1_000 * request.number(0, 0, 255), lambda: unit.at.urc(_tight(unit, line(unit))))


def _tight(unit: Unit, line: str) -> str:
    return line.replace(": ", ":") if unit.has("gnss-tight") else line


def position(unit: Unit, request: Request) -> None:
    """AT+CGPSINFO"""
    unit.at.info(_tight(unit, _position(unit)))


def full_position(unit: Unit, request: Request) -> None:
    """AT+CGNSSINFO"""
    unit.at.info(_tight(unit, _full_position(unit)))


def _position(unit: Unit) -> str:
    fix = _fix(unit)
    if fix is None:
        return "+CGPSINFO: ,,,,,,,,"
    at = datetime.fromtimestamp(fix.unix_s, UTC)
    return f"+CGPSINFO: {_place(fix)},{at:%d%m%y},{at:%H%M%S}.0,{_motion(unit, fix)}"


def _full_position(unit: Unit) -> str:
    """Of the satellites two in three are of GPS."""
    fix = _fix(unit)
    if fix is None:
        return "+CGNSSINFO: ,,,,,,,,,,,,,,,"
    at = datetime.fromtimestamp(fix.unix_s, UTC)
    gps = (2 * fix.satellites + 2) // 3
    satellites = f"2,{gps:02d},{fix.satellites - gps:02d},00"
    dilution = f"{fix.hdop * 1.6:.1f},{fix.hdop:.1f},{fix.hdop * 1.2:.1f}"
    return f"+CGNSSINFO: {satellites},{_place(fix)},{at:%d%m%y},{at:%H%M%S}.0,{_motion(unit, fix)},{dilution}"


def _motion(unit: Unit, fix: Fix) -> str:
    """Altitude, speed in knots, course."""
    speed, course = f"{fix.speed_kmh / KNOT_KMH:.1f}", f"{fix.heading_deg:.1f}"
    if speed == "0.0" and (unit.has("course-empty") or unit.has("speed-empty")):
        speed, course = "" if unit.has("speed-empty") else speed, ""
    return f"{fix.alt_m:.1f},{speed},{course}"


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
    "+CGPSINFO=": repeat_position,
    "+CGNSSINFO": full_position,
    "+CGNSSINFO=": repeat_position,
    "+CGPSCOLD": cold,
    "+CGPSHOT": hot,
    "+CGPSXE=": set_xtra,
    "+CGPSXE?": get_xtra,
    "+CGPSXD=": load_xtra,
    "+CGPSXDAUTO=": set_automatic,
    "+CGPSXDAUTO?": get_automatic,
    "+CGNSSMODE=": set_systems,
    "+CGNSSMODE?": get_systems,
}
