"""SIM7600: serving cell, kinds of network, signal (AT manual V3.00)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tools.modem import bands
from tools.modem.air import Rat
from tools.modem.errors import SIM_BUSY, Refused
from tools.modem.request import Request, Table
from tools.modem.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

_MODES: dict[str, list[Rat]] = {"2": ["lte", "gsm"], "13": ["gsm"], "38": ["lte"], "51": ["lte", "gsm"]}
_MODES |= {"39": ["lte", "gsm"], "14": [], "54": ["lte"]}


def scan_order(settings: Mapping[str, str]) -> list[Rat]:
    """The kinds of network by AT+CNMP; WCDMA does not exist in this world."""
    return _MODES[settings.get("cnmp", "2")]


def serving(unit: Unit, request: Request) -> None:
    """AT+CPSI?; refused while the modem still starts."""
    if not unit.power.sim_ready:
        raise Refused(SIM_BUSY)
    cell = unit.radio.cell
    mode = "Online" if unit.radio.function == 1 else "Low Power Mode"
    if cell is None:
        unit.at.info(f"+CPSI: NO SERVICE,{mode}")
        return
    network = f"{cell.plmn[:3]}-{cell.plmn[3:]},0x{cell.tac:04X},{cell.cell_id}"
    if cell.rat == "gsm":
        unit.at.info(f"+CPSI: GSM,{mode},{network},{cell.earfcn} EGSM {cell.band},{cell.rsrp_dbm},0,38-38")
        return
    levels = f"{10 * cell.rsrq_db},{10 * cell.rsrp_dbm},{10 * bands.rssi_dbm(cell)},{cell.sinr_db}"
    unit.at.info(f"+CPSI: LTE,{mode},{network},{cell.pci},EUTRAN-BAND{cell.band},{cell.earfcn},3,3,{levels}")


def system_mode(unit: Unit, request: Request) -> None:
    """AT+CNSMOD?"""
    cell = unit.radio.cell if unit.radio.registered() else None
    unit.at.info(f"+CNSMOD: 0,{0 if cell is None else 2 if cell.rat == 'gsm' else 8}")


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
        unit.radio.select()


RADIO: Table = {
    "+CPSI?": serving,
    "+CNSMOD?": system_mode,
    "+CNMP?": get_mode,
    "+CNMP=": set_mode,
}
