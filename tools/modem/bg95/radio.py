"""BG95: signal, cells, settings of the search (Quectel AT manual V2.0, QuecCell V1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.settings import checked
from tools.modem.engine.tasks import Work
from tools.modem.network import bands
from tools.modem.network.air import Cell, Rat

if TYPE_CHECKING:
    from tools.modem.unit import Unit

NAMES: dict[Rat, str] = {"emtc": "eMTC", "nbiot": "NBIoT", "gsm": "GSM", "lte": "LTE"}
_OTHER_NAMES: dict[Rat, str] = {"emtc": "CAT-M1", "nbiot": "CAT-NB1"}
_GSM_BANDS = (900, 1800, 850, 1900)
_SCAN_CODES: dict[str, Rat] = {"01": "gsm", "02": "emtc", "03": "nbiot"}
_BANDS = "F,400A0E189F,A0E189F"
_DEFAULTS = {
    "nwscanmode": "0",
    "nwscanseq": "00",
    "iotopmode": "0",
    "psm/urc": "0",
    "servicedomain": "2",
    "band": _BANDS,
}
_OF_SEARCH = ("nwscanmode", "nwscanseq", "iotopmode", "servicedomain", "band")
"""Settings that change the search or the attach: with <effect> 1 at once, which begins it again."""
SCAN_MS = 40_000


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


def hears(settings: Mapping[str, str], cell: Cell) -> bool:
    """Whether QCFG "band" allows the cell's band; until it is set, all bands are heard."""
    if "band" not in settings:
        return True
    gsm, emtc, nbiot = settings["band"].split(",")
    if cell.rat == "gsm":
        return in_gsm_mask(cell.band, gsm)
    return bands.in_mask(cell.band, emtc if cell.rat == "emtc" else nbiot)


def in_gsm_mask(band: int, mask: str) -> bool:
    """Bits 0 to 3 are GSM 900, 1800, 850 and 1900."""
    return bool(int(mask, 16) >> _GSM_BANDS.index(band) & 1)


def bands_fraction(settings: Mapping[str, str], rat: Rat) -> float:
    """Of the bands that the modem has for this kind of network, how many QCFG "band" allows."""
    at = {"gsm": 0, "emtc": 1, "nbiot": 2}[rat]
    allowed, own = (int(masks.split(",")[at], 16) for masks in (settings.get("band", _BANDS), _BANDS))
    return (allowed & own).bit_count() / own.bit_count()


def lets_in(settings: Mapping[str, str]) -> bool:
    """By QCFG "servicedomain": 1 is PS alone, 2 CS and PS."""
    return settings.get("servicedomain", _DEFAULTS["servicedomain"]) == "2"


def technology(unit: Unit, rat: Rat) -> str:
    """Its name, which firmware does not agree about."""
    return _OTHER_NAMES.get(rat, NAMES[rat]) if unit.has("cat-m-names") else NAMES[rat]


def signal(unit: Unit, request: Request) -> None:
    """AT+QCSQ"""
    cell = unit.radio.cell
    if cell is None:
        unit.at.info('+QCSQ: "NOSERVICE"')
    elif cell.rat == "gsm":
        unit.at.info(f'+QCSQ: "GSM",{cell.rsrp_dbm}')
    else:
        sinr = max(0, min(250, 5 * (cell.sinr_db + 20)))
        levels = f"{bands.rssi_dbm(cell)},{cell.rsrp_dbm},{sinr},{cell.rsrq_db}"
        unit.at.info(f'+QCSQ: "{technology(unit, cell.rat)}",{levels}')


def network_info(unit: Unit, request: Request) -> None:
    """AT+QNWINFO"""
    cell = unit.radio.cell
    if cell is None or not unit.radio.registered():
        unit.at.info("+QNWINFO: No Service")
        return
    band = f"GSM {cell.band}" if cell.rat == "gsm" else f"LTE BAND {cell.band}"
    unit.at.info(f'+QNWINFO: "{technology(unit, cell.rat)}","{cell.plmn}","{band}",{cell.earfcn}')


def engineering(unit: Unit, request: Request) -> None:
    """AT+QENG="servingcell" or "neighbourcell" """
    what = request.text(0)
    if what == "servingcell":
        unit.at.info(_tight(unit, _serving(unit)))
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
    return f'{head},"{state}","{technology(unit, cell.rat)}","FDD",{place},{level}'


def _tight(unit: Unit, line: str) -> str:
    return line.replace(": ", ":") if unit.has("qeng-tight") else line


def _neighbours(unit: Unit) -> None:
    """Cells of the same technology and network; on GSM of all networks."""
    here = unit.radio.cell
    if here is None or here.rat == "nbiot":
        return
    for cell in unit.radio.heard():
        if cell.rat != here.rat or cell == here:
            continue
        if cell.rat == "gsm":
            unit.at.info(_tight(unit, _gsm_neighbour(cell)))
        elif cell.plmn == here.plmn:
            unit.at.info(_tight(unit, _neighbour(unit, cell, here)))


def _neighbour(unit: Unit, cell: Cell, here: Cell) -> str:
    """RSRQ comes before RSRP here, unlike in the line of the serving cell."""
    intra = cell.earfcn == here.earfcn
    level = (
        f"{cell.rsrq_db},{cell.rsrp_dbm},{bands.rssi_dbm(cell)},{cell.sinr_db},{max(0, cell.rsrp_dbm + 129)}"
    )
    kind, end = ("intra", "5,20,10,58") if intra else ("inter", "20,10,5")
    name = technology(unit, cell.rat)
    return f'+QENG: "neighbourcell {kind}","{name}",{cell.earfcn},{cell.pci},{level},{end}'


def _gsm_neighbour(cell: Cell) -> str:
    place = f"{cell.plmn[:3]},{cell.plmn[3:]},{cell.tac:X},{cell.cell_id:X},{cell.pci % 64},{cell.earfcn}"
    reselection = max(0, cell.rsrp_dbm + 105)
    return f'+QENG: "neighbourcell","GSM",{place},{cell.rsrp_dbm},{reselection},{reselection},0,0'


def set_connection_report(unit: Unit, request: Request) -> None:
    """AT+QCSCON=<0, 1>: report when the radio connection begins and ends."""
    unit.radio.reports.reports_connection = request.number(0, 0, 1) == 1


def get_connection_report(unit: Unit, request: Request) -> None:
    """AT+QCSCON?"""
    enabled, now = unit.radio.reports.reports_connection, unit.radio.bearer.connected()
    unit.at.info(f"+QCSCON: {int(enabled)},{int(now)}")


def scan_cells(unit: Unit, request: Request) -> Work:
    """AT+QCOPS=7,1: a cell scan. Each cell: technology, MCC, MNC, channel, PCI, RSRP, RSRQ, TAC, id [C]."""
    if (request.number(0, 0, 7), request.number(1, 0, 1, 1)) != (7, 1):
        raise Refused(BAD_PARAMETER)
    yield unit.env.timeout(unit.spread(SCAN_MS))
    for cell in unit.radio.heard():
        place = f"{cell.plmn[:3]},{cell.plmn[3:]},{cell.earfcn},{cell.pci},{cell.rsrp_dbm},{cell.rsrq_db}"
        unit.at.info(f'+QCOPS: "{technology(unit, cell.rat)}",{place},{cell.tac:X},{cell.cell_id:X}')


def configure(unit: Unit, request: Request) -> None:
    """AT+QCFG="<key>"[,<value>[,<effect>]]: settings of the search, the attach and PSM, kept."""
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
        value = _setting(key, request)
        changed, unit.nv.settings[key] = value != unit.nv.settings.get(key, _DEFAULTS[key]), value
        at_once = request.number({"band": 4}.get(key, 2), 0, 1, 0)
        if key in _OF_SEARCH and at_once and changed:
            unit.radio.search_again()


def _setting(key: str, request: Request) -> str:
    if key == "nwscanseq":
        text = request.text(1)
        codes = [text[i : i + 2] for i in range(0, len(text), 2)]
        if not set(codes) <= {"00", "01", "02", "03"}:
            raise Refused(BAD_PARAMETER)
        return text
    if key == "band":
        masks = checked(request, 1, [None, None, None, None])[:3]
        if any(set(mask.upper()) - set("0123456789ABCDEF") for mask in masks):
            raise Refused(BAD_PARAMETER)
        return ",".join(masks)
    number = request.number(1, 0, 3)
    allowed = {"nwscanmode": (0, 1, 3), "iotopmode": (0, 1, 2), "psm/urc": (0, 1), "servicedomain": (1, 2)}
    if number not in allowed[key]:
        raise Refused(BAD_PARAMETER)
    return str(number)


RADIO: Table = {
    "+QCSQ": signal,
    "+QNWINFO": network_info,
    "+QENG=": engineering,
    "+QCFG=": configure,
    "+QCSCON=": set_connection_report,
    "+QCSCON?": get_connection_report,
    "+QCOPS=": scan_cells,
}
