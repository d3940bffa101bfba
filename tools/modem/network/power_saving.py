"""Commands of PSM and eDRX: BG95, and recent firmware of the SIM7600 (TS 27.007 7.38 to 7.41)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, Refused
from tools.modem.engine.nv import Psm
from tools.modem.engine.request import Request, Table
from tools.modem.network import timers

if TYPE_CHECKING:
    from tools.modem.unit import Unit

_REPORTS = "edrx/report"


def set_psm(unit: Unit, request: Request) -> None:
    """AT+CPSMS=<0, 1, 2>[,,,"<T3412>"[,"<T3324>"]]; 2 returns to the defaults."""
    mode = request.number(0, 0, 2)
    if mode == 2:
        unit.nv.psm = Psm()
        return
    tau, active = request.text(3, unit.nv.psm.tau), request.text(4, unit.nv.psm.active)
    if not (timers.valid(tau) and timers.valid(active)):
        raise Refused(BAD_PARAMETER)
    psm = Psm(mode == 1, tau, active)
    if psm != unit.nv.psm:
        unit.nv.psm = psm
        unit.radio.bearer.consider_psm()


def get_psm(unit: Unit, request: Request) -> None:
    """AT+CPSMS?"""
    psm = unit.nv.psm
    unit.at.info(f'+CPSMS: {int(psm.on)},,,"{psm.tau}","{psm.active}"' if psm.on else "+CPSMS: 0")


def granted_psm(unit: Unit, request: Request) -> None:
    """AT+QPSMS?: what the network has granted, in seconds."""
    granted = unit.radio.bearer.psm_granted()
    unit.at.info(
        f'+QPSMS: 1,,,"{granted[0]}","{granted[1]}"' if granted else f"+QPSMS: {int(unit.nv.psm.on)},,,,"
    )


def set_threshold(unit: Unit, request: Request) -> None:
    """AT+QPSMCFG=<least s, 20 or more>[,<version>]: shorter sleeps are not worth PSM."""
    least_s, version = request.number(0, 20, 4_294_967_295), request.number(1, 0, 15, 4)
    unit.nv.settings["psm/threshold"] = f"{least_s},{version}"


def get_threshold(unit: Unit, request: Request) -> None:
    """AT+QPSMCFG?"""
    unit.at.info(f"+QPSMCFG: {unit.nv.settings.get('psm/threshold', '20,4')}")


def set_edrx(unit: Unit, request: Request) -> None:
    """AT+CEDRXS=<0 off, 1 on, 2 on with reports, 3 off and reset>[,<4 eMTC, 5 NB-IoT>[,"<value>"]]"""
    mode = request.number(0, 0, 3)
    unit.nv.settings[_REPORTS] = str(int(mode == 2))
    if mode in (0, 3):
        unit.nv.edrx.clear()
        return
    act, value = request.number(1, 4, 5), request.text(2, "0010")
    unit.nv.edrx[act] = timers.nibble(value)
    if mode == 2:
        unit.radio.bearer.announce_edrx()


def get_edrx(unit: Unit, request: Request) -> None:
    """AT+CEDRXS?"""
    for act, value in sorted(unit.nv.edrx.items()):
        unit.at.info(f'+CEDRXS: {act},"{value}"')


def granted_edrx(unit: Unit, request: Request) -> None:
    """AT+CEDRXRDP: asked for, granted and paging window of the network registered with."""
    unit.at.info(f"+CEDRXRDP: {unit.radio.bearer.edrx_granted() or 0}")


def set_window(unit: Unit, request: Request) -> None:
    """AT+QPTWEDRXS=<mode>,<4, 5>,"<window>","<eDRX>" """
    mode, act = request.number(0, 0, 3), request.number(1, 4, 5)
    unit.nv.settings[_REPORTS] = str(int(mode == 2))
    if mode in (0, 3):
        unit.nv.edrx.pop(act, None)
        return
    unit.nv.settings[f"ptw/{act}"] = timers.nibble(request.text(2, "0011"))
    unit.nv.edrx[act] = timers.nibble(request.text(3, "0010"))


def get_window(unit: Unit, request: Request) -> None:
    """AT+QPTWEDRXS?"""
    for act, value in sorted(unit.nv.edrx.items()):
        unit.at.info(f'+QPTWEDRXS: {act},"{unit.nv.settings.get(f"ptw/{act}", "0011")}","{value}"')


STANDARD: Table = {
    "+CPSMS=": set_psm,
    "+CPSMS?": get_psm,
    "+CPSMS=?": '+CPSMS: (0-2),(),(),("00000000"-"11111111"),("00000000"-"11111111")',
    "+CEDRXS=": set_edrx,
    "+CEDRXS?": get_edrx,
    "+CEDRXS=?": '+CEDRXS: (0-3),(4,5),("0000"-"1111")',
    "+CEDRXRDP": granted_edrx,
}
POWER_SAVING: Table = {
    **STANDARD,
    "+QPSMS?": granted_psm,
    "+QPSMCFG=": set_threshold,
    "+QPSMCFG?": get_threshold,
    "+QPTWEDRXS=": set_window,
    "+QPTWEDRXS?": get_window,
}
