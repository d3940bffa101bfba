"""BG95: the card's number, tries of the PIN, hot swap (Quectel AT manual V2.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, Refused
from tools.modem.engine.request import Request, Table

if TYPE_CHECKING:
    from tools.modem.unit import Unit


def iccid(unit: Unit, request: Request) -> None:
    """AT+QCCID"""
    unit.slot.need()
    unit.at.info(f"+QCCID: {unit.slot.iccid.ljust(20, 'F')}")


def init_state(unit: Unit, request: Request) -> None:
    """AT+QINISTAT: 1 the card is ready, 2 SMS is"""
    unit.at.info(f"+QINISTAT: {3 if unit.slot.fault() in (None, 13) else 0}")


def tries(unit: Unit, request: Request) -> None:
    """AT+QPINC="SC": tries left for PIN and PUK"""
    unit.slot.need_card()
    if request.text(0, "SC").upper() != "SC":
        raise Refused(BAD_PARAMETER)
    unit.at.info(f'+QPINC: "SC",{unit.card.pin_tries},{unit.card.puk_tries}')


def set_detection(unit: Unit, request: Request) -> None:
    """AT+QSIMDET=<0, 1>,<level of the pin when a card is there>: from the next boot on."""
    on, level = request.number(0, 0, 1), request.number(1, 0, 1)
    unit.nv.settings["hot swap"] = str(on)
    unit.nv.settings["hot swap/level"] = str(level)


def get_detection(unit: Unit, request: Request) -> None:
    """AT+QSIMDET?"""
    settings = unit.nv.settings
    unit.at.info(f"+QSIMDET: {settings.get('hot swap', '0')},{settings.get('hot swap/level', '0')}")


def set_report(unit: Unit, request: Request) -> None:
    """AT+QSIMSTAT=<0, 1>: report when a card comes or goes."""
    unit.nv.settings["simstat"] = str(request.number(0, 0, 1))


def get_report(unit: Unit, request: Request) -> None:
    """AT+QSIMSTAT?"""
    unit.at.info(f"+QSIMSTAT: {unit.nv.settings.get('simstat', '0')},{int(unit.slot.present)}")


CARD: Table = {
    "+QCCID": iccid,
    "+QINISTAT": init_state,
    "+QPINC=": tries,
    "+QPINC?": tries,
    "+QSIMDET=": set_detection,
    "+QSIMDET?": get_detection,
    "+QSIMSTAT=": set_report,
    "+QSIMSTAT?": get_report,
}
