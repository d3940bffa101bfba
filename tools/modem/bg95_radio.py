"""BG95: signal, cells, settings of the search, PDP, power saving (Quectel AT manual V2.0, QuecCell V1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tools.modem import bands, timers
from tools.modem.air import Cell, Rat
from tools.modem.errors import BAD_PARAMETER, NO_SERVICE, NOT_ALLOWED, Refused
from tools.modem.nv import Context, Psm
from tools.modem.request import Request, Table
from tools.modem.settings import checked
from tools.modem.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

NAMES: dict[Rat, str] = {"emtc": "eMTC", "nbiot": "NBIoT", "gsm": "GSM", "lte": "LTE"}
_SCAN_CODES: dict[str, Rat] = {"01": "gsm", "02": "emtc", "03": "nbiot"}
_DEFAULTS = {
    "nwscanmode": "0",
    "nwscanseq": "00",
    "iotopmode": "0",
    "psm/urc": "0",
    "band": "F,400A0E189F,A0E189F",
}
ALREADY = 563


def scan_order(settings: Mapping[str, str]) -> list[Rat]:
    """The kinds of network by QCFG "nwscanseq", "nwscanmode" and "iotopmode"."""
    sequence = settings.get("nwscanseq", "00")
    codes = [sequence[i : i + 2] for i in range(0, len(sequence), 2)]
    rats = [_SCAN_CODES[code] for code in codes if code in _SCAN_CODES]
    rats += [rat for rat in ("emtc", "nbiot", "gsm") if rat not in rats]
    mode, operation = settings.get("nwscanmode", "0"), settings.get("iotopmode", "0")
    banned = {"0": {""}, "1": {"emtc", "nbiot"}, "3": {"gsm"}}[mode] | {
        "0": {"nbiot"},
        "1": {"emtc"},
        "2": set(),
    }[operation]
    return [rat for rat in rats if rat not in banned]


def signal(unit: Unit, request: Request) -> None:
    """AT+QCSQ"""
    cell = unit.radio.cell
    if cell is None:
        unit.at.info('+QCSQ: "NOSERVICE"')
    elif cell.rat == "gsm":
        unit.at.info(f'+QCSQ: "GSM",{cell.rsrp_dbm}')
    else:
        sinr = max(0, min(250, 5 * (cell.sinr_db + 20)))
        unit.at.info(
            f'+QCSQ: "{NAMES[cell.rat]}",{bands.rssi_dbm(cell)},{cell.rsrp_dbm},{sinr},{cell.rsrq_db}'
        )


def network_info(unit: Unit, request: Request) -> None:
    """AT+QNWINFO"""
    cell = unit.radio.cell
    if cell is None or not unit.radio.registered():
        unit.at.info("+QNWINFO: No Service")
        return
    band = f"GSM {cell.band}" if cell.rat == "gsm" else f"LTE BAND {cell.band}"
    unit.at.info(f'+QNWINFO: "{NAMES[cell.rat]}","{cell.plmn}","{band}",{cell.earfcn}')


def engineering(unit: Unit, request: Request) -> None:
    """AT+QENG="servingcell" or "neighbourcell" """
    what = request.text(0)
    if what == "servingcell":
        unit.at.info(_serving(unit))
    elif what == "neighbourcell":
        _neighbours(unit)
    else:
        raise Refused(BAD_PARAMETER)


def _serving(unit: Unit) -> str:
    radio, cell = unit.radio, unit.radio.cell
    head = '+QENG: "servingcell"'
    if cell is None:
        return f'{head},"SEARCH"'
    state = "CONNECT" if radio.bearer.connected() else "NOCONN"
    state = state if radio.registered() else "LIMSRV"
    mcc, mnc = cell.plmn[:3], cell.plmn[3:]
    if cell.rat == "gsm":
        place = f"{mcc},{mnc},{cell.tac:X},{cell.cell_id:X},{cell.pci % 64},{cell.earfcn},0"
        return f'{head},"{state}","GSM",{place},{cell.rsrp_dbm},255,255,0,38,38,1,-,-,-,-,-,-,-,-,-,"-"'
    place = f"{mcc},{mnc},{cell.cell_id:X},{cell.pci},{cell.earfcn},{cell.band},3,3,{cell.tac:X}"
    level = (
        f"{cell.rsrp_dbm},{cell.rsrq_db},{bands.rssi_dbm(cell)},{cell.sinr_db},{max(0, cell.rsrp_dbm + 129)}"
    )
    return f'{head},"{state}","{NAMES[cell.rat]}","FDD",{place},{level}'


def _neighbours(unit: Unit) -> None:
    here = unit.radio.cell
    if here is None or here.rat != "emtc":
        return
    for cell in unit.air.cells():
        if cell.rat == here.rat and cell.plmn == here.plmn and cell.cell_id != here.cell_id:
            unit.at.info(_neighbour(cell, here))


def _neighbour(cell: Cell, here: Cell) -> str:
    kind = "intra" if cell.earfcn == here.earfcn else "inter"
    level = (
        f"{cell.rsrq_db},{cell.rsrp_dbm},{bands.rssi_dbm(cell)},{cell.sinr_db},{max(0, cell.rsrp_dbm + 129)}"
    )
    return f'+QENG: "neighbourcell {kind}","eMTC",{cell.earfcn},{cell.pci},{level},5,20,10,58'


def configure(unit: Unit, request: Request) -> None:
    """AT+QCFG="<key>"[,<value>[,<effect>]]: settings of the search and of PSM, kept."""
    key = request.text(0).lower()
    if key == "psm/enter":
        request.number(1, 1, 1)
        unit.radio.bearer.psm_at_once = True
        unit.radio.bearer.consider_psm()
    elif key not in _DEFAULTS:
        raise Refused(BAD_PARAMETER)
    elif not request.has(1):
        unit.at.info(f'+QCFG: "{key}",{unit.nv.settings.get(key, _DEFAULTS[key])}')
    else:
        unit.nv.settings[key] = _setting(key, request)


def _setting(key: str, request: Request) -> str:
    if key == "nwscanseq":
        text = request.text(1)
        codes = [text[i : i + 2] for i in range(0, len(text), 2)]
        if not set(codes) <= {"00", "01", "02", "03"}:
            raise Refused(BAD_PARAMETER)
        return text
    if key == "band":
        return ",".join(checked(request, 1, [None, None, None, None])[:3])
    number = request.number(1, 0, 3)
    if number not in {"nwscanmode": (0, 1, 3), "iotopmode": (0, 1, 2), "psm/urc": (0, 1)}[key]:
        raise Refused(BAD_PARAMETER)
    return str(number)


# PDP


def get_active(unit: Unit, request: Request) -> None:
    """AT+QIACT?"""
    for cid, address in sorted(unit.pdp.address.items()):
        unit.at.info(f'+QIACT: {cid},1,1,"{address}"')


def define(unit: Unit, request: Request) -> None:
    """AT+QICSGP=<cid>,<type>,"<apn>"[,"<user>","<password>"[,<auth>]]"""
    cid = request.number(0, 1, 15)
    if len(request.args) == 1:
        context = unit.nv.contexts.get(cid, Context("IP", ""))
        unit.at.info(f'+QICSGP: 1,"{context.apn}","","",0')
        return
    kind = {1: "IP", 2: "IPV6", 3: "IPV4V6"}[request.number(1, 1, 3)]
    request.number(5, 0, 3, 0)
    unit.nv.contexts[cid] = Context(kind, request.text(2, ""))


def activate(unit: Unit, request: Request) -> Work:
    """AT+QIACT=<cid>"""
    cid = request.number(0, 1, 15)
    if cid in unit.pdp.address:
        raise Refused(ALREADY)
    if cid not in unit.nv.contexts or len(unit.pdp.address) >= 3:
        raise Refused(NOT_ALLOWED)
    if not (yield from unit.pdp.activate(cid)):
        raise Refused(NO_SERVICE)


def deactivate(unit: Unit, request: Request) -> Work:
    """AT+QIDEACT=<cid>"""
    yield from unit.pdp.deactivate(request.number(0, 1, 15))


# Power saving


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


RADIO: Table = {
    "+QCSQ": signal,
    "+QNWINFO": network_info,
    "+QENG=": engineering,
    "+QCFG=": configure,
    "+QIACT?": get_active,
    "+QIACT=": activate,
    "+QIDEACT=": deactivate,
    "+QICSGP=": define,
    "+CPSMS=": set_psm,
    "+CPSMS?": get_psm,
    "+QPSMS?": granted_psm,
}
