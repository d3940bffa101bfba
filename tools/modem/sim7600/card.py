"""SIM7600: the card's number, tries of the PIN, hot swap (AT manual V3.00)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.card.card import PIN_TRIES, PUK_TRIES
from tools.modem.engine.request import Request, Table

if TYPE_CHECKING:
    from tools.modem.unit import Unit


def iccid(unit: Unit, request: Request) -> None:
    """AT+CICCID: the prefix of the answer is another."""
    unit.slot.need()
    unit.at.info(f"+ICCID: {unit.slot.iccid.ljust(20, 'F')}")


def tries(unit: Unit, request: Request) -> None:
    """AT+SPIC: tries left for PIN, PUK, PIN2 and PUK2; there is no PIN2."""
    unit.slot.need_card()
    unit.at.info(f"+SPIC: {unit.card.pin_tries},{unit.card.puk_tries},{PIN_TRIES},{PUK_TRIES}")


def set_hot_swap(unit: Unit, request: Request) -> None:
    """AT+UIMHOTSWAPON=<0, 1>: from the next boot on."""
    unit.nv.settings["hot swap"] = str(request.number(0, 0, 1))


def get_hot_swap(unit: Unit, request: Request) -> None:
    """AT+UIMHOTSWAPON?"""
    unit.at.info(f"+UIMHOTSWAPON: {unit.nv.settings.get('hot swap', '0')}")


def set_level(unit: Unit, request: Request) -> None:
    """AT+UIMHOTSWAPLEVEL=<level of the pin when a card is there>: from the next boot on."""
    unit.nv.settings["hot swap/level"] = str(request.number(0, 0, 1))


def get_level(unit: Unit, request: Request) -> None:
    """AT+UIMHOTSWAPLEVEL?"""
    unit.at.info(f"+UIMHOTSWAPLEVEL: {unit.nv.settings.get('hot swap/level', '0')}")


CARD: Table = {
    "+CICCID": iccid,
    "+SPIC": tries,
    "+UIMHOTSWAPON=": set_hot_swap,
    "+UIMHOTSWAPON?": get_hot_swap,
    "+UIMHOTSWAPLEVEL=": set_level,
    "+UIMHOTSWAPLEVEL?": get_level,
}
