"""SIM7600: serving cell, kinds of network and bands, signal, position by network (AT manual V3.00)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, SIM_BUSY, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work
from tools.modem.network import bands
from tools.modem.network.air import Cell, Rat
from tools.modem.network.commands import signal_level

if TYPE_CHECKING:
    from tools.modem.unit import Unit

_MODES: dict[str, list[Rat]] = {"2": ["lte", "gsm"], "13": ["gsm"], "38": ["lte"], "51": ["lte", "gsm"]}
_MODES |= {"39": ["lte", "gsm"], "14": [], "54": ["lte"]}
_MODE_OF_OPERATION = "1"
"""As shipped: CS and PS, voice centric."""
_ORDERS = ("0", "1", "2", "3", "4", "5", "6", "7")
_ALL_BANDS = "0x0002000004400380,0x000007FF3FDF3FFF,0x000000000000000F"
_OWN_BANDS, _OWN_GSM = (1, 3, 5, 7, 8, 20, 38, 40, 41), (900, 1800)
"""Bands of the SIM7600E-H, with any mask."""
_GSM_BITS = {850: 19, 900: 8, 1800: 7, 1900: 21}
"""Bits of the first mask of AT+CNBP."""
NETWORK_POSITION_M = 550
CLBS_FAILED = 3


def scan_order(settings: Mapping[str, str]) -> list[Rat]:
    """The kinds of network by AT+CNMP; WCDMA does not exist in this world."""
    return _MODES[settings.get("cnmp", "2")]


def hears(settings: Mapping[str, str], cell: Cell) -> bool:
    """Whether AT+CNBP allows the cell's band; until it is set, all bands are heard."""
    if "cnbp" not in settings:
        return True
    mode, lte, _ = settings["cnbp"].split(",")
    if cell.rat == "gsm":
        return bool(int(mode, 16) >> _GSM_BITS[cell.band] & 1)
    return bands.in_mask(cell.band, lte)


def bands_fraction(settings: Mapping[str, str], rat: Rat) -> float:
    """Of the bands that the modem has for this kind of network, how many AT+CNBP allows."""
    mode, lte, _ = settings.get("cnbp", _ALL_BANDS).split(",")
    if rat == "gsm":
        return sum(int(mode, 16) >> _GSM_BITS[band] & 1 for band in _OWN_GSM) / len(_OWN_GSM)
    return sum(bands.in_mask(band, lte) for band in _OWN_BANDS) / len(_OWN_BANDS)


def serving(unit: Unit, request: Request) -> None:
    """AT+CPSI?; refused while the modem still starts."""
    if not unit.power.sim_ready:
        raise Refused(SIM_BUSY)
    unit.at.info(_serving(unit))


def repeat_serving(unit: Unit, request: Request) -> None:
    """AT+CPSI=<s>: report it in this interval; 0 ends that."""
    unit.repeat("+CPSI", 1_000 * request.number(0, 0, 255), lambda: unit.at.urc(_serving(unit)))


def _serving(unit: Unit) -> str:
    cell = unit.radio.cell
    mode = {1: "Online", 7: "Offline", 5: "Factory Test Mode"}.get(unit.radio.function, "Low Power Mode")
    if cell is None:
        return f"+CPSI: NO SERVICE,{mode}"
    network = f"{cell.plmn[:3]}-{cell.plmn[3:]},0x{cell.tac:04X},{cell.cell_id}"
    if cell.rat == "gsm":
        return f"+CPSI: GSM,{mode},{network},{cell.earfcn} EGSM {cell.band},{cell.rsrp_dbm},0,38-38"
    place = f"{cell.pci},EUTRAN-BAND{cell.band},{cell.earfcn},3,3"
    return f"+CPSI: LTE,{mode},{network},{place},{_levels(unit, cell)}"


def _levels(unit: Unit, cell: Cell) -> str:
    """RSRQ, RSRP and RSSI in tenths, or as index values (TS 36.133; RSSI as in +CSQ); SNR."""
    rssi = bands.rssi_dbm(cell)
    if unit.has("cpsi-index"):
        return f"{2 * cell.rsrq_db + 40},{cell.rsrp_dbm + 141},{(rssi + 113) // 2},{cell.sinr_db}"
    return f"{10 * cell.rsrq_db},{10 * cell.rsrp_dbm},{10 * rssi},{cell.sinr_db}"


def cell_info(unit: Unit, request: Request) -> None:
    """AT+CCINFO: the serving cell and its neighbours, as older firmware prints them [C]."""
    here = unit.radio.cell
    cells = (
        [] if here is None else [here] + [c for c in unit.radio.heard() if c != here and c.rat == here.rat]
    )
    for i, cell in enumerate(cells):
        place = f"MCC:{cell.plmn[:3]},MNC:{cell.plmn[3:]},LAC:{cell.tac:x},ID:{cell.cell_id},{cell.rsrp_dbm}"
        unit.at.info(f"+CCINFO:[{f'NCELL{i}' if i else 'SCELL'}],ARFCN:{cell.earfcn},{place}")


def system_mode(unit: Unit, request: Request) -> None:
    """AT+CNSMOD?"""
    reports = unit.radio.reports
    unit.at.info(f"+CNSMOD: {int(reports.reports_mode)},{reports.system_mode()}")


def report_mode(unit: Unit, request: Request) -> None:
    """AT+CNSMOD=<0, 1>: report when it changes."""
    unit.radio.reports.reports_mode = request.number(0, 0, 1) == 1


def report_signal(unit: Unit, request: Request) -> None:
    """AT+AUTOCSQ=<0, 1>[,<0 every 5 s, 1 when it changes>]"""
    on, mode = request.number(0, 0, 1), request.number(1, 0, 1, 0)
    unit.volatile["+AUTOCSQ"] = f"{on},{mode}"
    last = [-1]

    def tell() -> None:
        level = signal_level(unit)
        if mode == 0 or level != last[0]:
            last[0] = level
            unit.at.urc(f"+CSQ: {level},99")

    unit.repeat("+AUTOCSQ", (5_000, 1_000)[mode] if on else 0, tell)


def signal_reported(unit: Unit, request: Request) -> None:
    """AT+AUTOCSQ?"""
    unit.at.info(f"+AUTOCSQ: {unit.volatile.get('+AUTOCSQ', '0,0')}")


def get_mode(unit: Unit, request: Request) -> None:
    """AT+CNMP?"""
    unit.at.info(f"+CNMP: {unit.nv.settings.get('cnmp', '2')}")


def set_mode(unit: Unit, request: Request) -> Work:
    """AT+CNMP=<mode>, kept; the modem searches again when it is another."""
    mode = request.text(0)
    if mode not in _MODES:
        raise Refused
    changed = mode != unit.nv.settings.get("cnmp", "2")
    unit.nv.settings["cnmp"] = mode
    if changed:
        yield unit.pause(200, 1_000)
        unit.radio.search_again()


def get_order(unit: Unit, request: Request) -> None:
    """AT+CNAOP?"""
    unit.at.info(f"+CNAOP: {unit.nv.settings.get('cnaop', '0')}")


def set_order(unit: Unit, request: Request) -> None:
    """AT+CNAOP=<order>: kept. With LTE before GSM in all orders that this world knows it changes nothing."""
    if request.text(0) not in _ORDERS:
        raise Refused
    unit.nv.settings["cnaop"] = request.text(0)


def get_bands(unit: Unit, request: Request) -> None:
    """AT+CNBP?"""
    unit.at.info(f"+CNBP: {unit.nv.settings.get('cnbp', _ALL_BANDS)}")


def set_bands(unit: Unit, request: Request) -> None:
    """AT+CNBP=<mode mask>[,<LTE mask>[,<TD-SCDMA mask>]]: hexadecimal, kept."""
    masks = _ALL_BANDS.split(",")
    for i in range(3):
        if request.has(i):
            try:
                masks[i] = f"0x{int(request.text(i), 16):016X}"
            except ValueError:
                raise Refused(BAD_PARAMETER) from None
    changed = ",".join(masks) != unit.nv.settings.get("cnbp", _ALL_BANDS)
    unit.nv.settings["cnbp"] = ",".join(masks)
    if changed:
        unit.radio.search_again()


def lets_in(settings: Mapping[str, str]) -> bool:
    """By AT+CEMODE: modes 1 and 2 are CS and PS, 0 and 3 PS alone."""
    return settings.get("cemode", _MODE_OF_OPERATION) in "12"


def get_operation(unit: Unit, request: Request) -> None:
    """AT+CEMODE?"""
    unit.at.info(f"+CEMODE: {unit.nv.settings.get('cemode', _MODE_OF_OPERATION)}")


def set_operation(unit: Unit, request: Request) -> None:
    """AT+CEMODE=<mode>: kept; the modem attaches again when it changes."""
    mode = str(request.number(0, 0, 3))
    changed = mode != unit.nv.settings.get("cemode", _MODE_OF_OPERATION)
    unit.nv.settings["cemode"] = mode
    if changed:
        unit.radio.search_again()


def network_position(unit: Unit, request: Request) -> Work:
    """AT+CLBS=1[,<cid>]: a position by cells from the maker's server."""
    request.number(0, 1, 1)
    cid = request.number(1, 1, 24, 1)
    if cid not in unit.pdp.address:
        unit.at.info(f"+CLBS: {CLBS_FAILED}")
        raise Refused
    if unit.next_order() == "after":
        unit.at.after(_locate(unit))
        return
    yield from _locate(unit)


def _locate(unit: Unit) -> Work:
    if not (yield from unit.radio.bearer.exchange(400, 300, 3)):
        unit.at.urc(f"+CLBS: {CLBS_FAILED}")
        return
    sky = unit.air.sky()
    north_m, east_m = unit.rng.gauss(0, NETWORK_POSITION_M), unit.rng.gauss(0, NETWORK_POSITION_M)
    lat = sky.lat + north_m / 111_320
    lon = sky.lon + east_m / (111_320 * math.cos(math.radians(sky.lat)))
    unit.at.urc(f"+CLBS: 0,{lat:.6f},{lon:.6f},{NETWORK_POSITION_M}")


MODES_OF_OPERATION: Table = {
    "+CEMODE?": get_operation,
    "+CEMODE=": set_operation,
    "+CEMODE=?": "+CEMODE: (0-3)",
}
"""TS 27.007 10.1.28; the manual V3.00 has none of them."""
RADIO: Table = {
    "+CPSI?": serving,
    "+CPSI=": repeat_serving,
    "+CCINFO": cell_info,
    "+CNSMOD?": system_mode,
    "+CNSMOD=": report_mode,
    "+CNSMOD=?": "+CNSMOD: (0-1)",
    "+AUTOCSQ=": report_signal,
    "+AUTOCSQ?": signal_reported,
    "+AUTOCSQ=?": "+AUTOCSQ: (0-1),(0-1)",
    "+CNMP?": get_mode,
    "+CNMP=": set_mode,
    "+CNMP=?": "+CNMP: (2,13,14,38,39,51,54)",
    "+CNAOP?": get_order,
    "+CNAOP=": set_order,
    "+CNBP?": get_bands,
    "+CNBP=": set_bands,
    "+CLBS=": network_position,
}
