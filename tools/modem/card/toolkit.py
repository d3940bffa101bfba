"""The card's toolkit as the host sees it: its menu, in both dialects.

SIM7600: AT manual V3.00. BG95: no manual at hand; as EC2x and its kind do it, unverified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, NOT_ALLOWED, Refused
from tools.modem.engine.request import Request, Table

if TYPE_CHECKING:
    from tools.modem.unit import Unit

SET_UP_MENU, SESSION_END = 25, 81
MENU, NONE = 37, 254
"""Values of +QSTKURC: the type of SET UP MENU (TS 102 223) and the end of a session."""
BACK, END = 84, 83


def set_toolkit(unit: Unit, request: Request) -> None:
    """AT+STK=<0, 1> and AT+QSTK=<0, 1>[,...]: from the next boot on."""
    unit.nv.settings["stk"] = str(request.number(0, 0, 2))


def get_toolkit(unit: Unit, request: Request) -> None:
    """AT+STK?, AT+QSTK?"""
    unit.at.info(f"{request.key[:-1]}: {unit.nv.settings.get('stk', '0')}")


def _need(unit: Unit) -> tuple[str, ...]:
    unit.slot.need()
    if not unit.slot.toolkit() or not unit.card.menu:
        raise Refused(NOT_ALLOWED)
    return unit.card.menu


def pending(unit: Unit, request: Request) -> None:
    """AT+STIN?"""
    _need(unit)
    unit.at.info(f"+STIN: {SET_UP_MENU}")


def read_menu(unit: Unit, request: Request) -> None:
    """AT+STGI=25"""
    menu = _need(unit)
    if request.number(0, 0, 255) != SET_UP_MENU:
        raise Refused(BAD_PARAMETER)
    unit.at.info(f'+STGI: 25,0,0,4,"{_ucs2("SIM")}",{len(menu)}')
    for number, item in enumerate(menu, 1):
        unit.at.info(f'+STGI: 25,{number},{len(item)},"{_ucs2(item)}"')


def respond(unit: Unit, request: Request) -> None:
    """AT+STGR=25,<item>"""
    _need(unit)
    if request.number(0, 0, 255) != SET_UP_MENU:
        raise Refused(BAD_PARAMETER)
    item = request.number(1, 0, 255)
    if item not in (SESSION_END, END, BACK) and not unit.card.choose(item):
        raise Refused(BAD_PARAMETER)
    unit.at.urc(f"+STIN: {SESSION_END}")
    unit.slot.obey()


def read_quectel_menu(unit: Unit, request: Request) -> None:
    """AT+QSTKGI=37"""
    menu = _need(unit)
    if request.number(0, 0, 255) != MENU:
        raise Refused(BAD_PARAMETER)
    unit.at.info(f'+QSTKGI: 37,0,0,"{_ucs2("SIM")}",{len(menu)}')
    for number, item in enumerate(menu, 1):
        unit.at.info(f'+QSTKGI: {number},{len(item)},"{_ucs2(item)}"')


def respond_quectel(unit: Unit, request: Request) -> None:
    """AT+QSTKRSP=37,0,<item>; 254 ends a session, also one that a card thinks is open."""
    unit.slot.need()
    if request.number(0, 0, 255) == NONE:
        unit.at.urc(f"+QSTKURC: {NONE}")
        return
    _need(unit)
    if not unit.card.choose(request.number(2, 0, 255)):
        raise Refused(BAD_PARAMETER)
    unit.at.urc(f"+QSTKURC: {NONE}")
    unit.slot.obey()


def _ucs2(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


SIMCOM: Table = {
    "+STK=": set_toolkit,
    "+STK?": get_toolkit,
    "+STKFMT=": "",
    "+STIN?": pending,
    "+STGI=": read_menu,
    "+STGR=": respond,
}
QUECTEL: Table = {
    "+QSTK=": set_toolkit,
    "+QSTK?": get_toolkit,
    "+QSTKGI=": read_quectel_menu,
    "+QSTKRSP=": respond_quectel,
}
