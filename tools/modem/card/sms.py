"""Short messages, as far as a client can list them: the store is always empty (TS 27.005).

A message that comes (`script.py`) is reported by +CMTI and belongs to a card that does not keep it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.errors import (
    BAD_PARAMETER,
    MESSAGE_CARD,
    MESSAGE_INDEX,
    MESSAGE_PARAMETER,
    Refused,
    RefusedMessage,
)
from tools.modem.engine.request import Request, Table

if TYPE_CHECKING:
    from tools.modem.unit import Unit

STORES = ("SM", "ME", "MT", "SR")
CAPACITY = 50
"""Messages that a store can hold."""
STATES = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL")
"""What AT+CMGL takes in text mode; in PDU mode their numbers."""
CHARACTER_SETS = ("GSM", "IRA", "UCS2")
_TEXT, _STORES, _SERVICE, _NEW, _SET = "sms/text", "sms/stores", "sms/service", "sms/new", "sms/set"


def _need_card(unit: Unit) -> None:
    """Raises RefusedMessage when the card is not ready."""
    fault = unit.slot.fault()
    if fault is not None:
        raise RefusedMessage(MESSAGE_CARD[fault])


def set_mode(unit: Unit, request: Request) -> None:
    """AT+CMGF=<0 PDU, 1 text>"""
    unit.volatile[_TEXT] = str(request.number(0, 0, 1, 0))


def get_mode(unit: Unit, request: Request) -> None:
    """AT+CMGF?"""
    unit.at.info(f"+CMGF: {unit.volatile.get(_TEXT, '0')}")


def set_stores(unit: Unit, request: Request) -> None:
    """AT+CPMS="<to read>"[,"<to write>"[,"<to receive>"]]: answers with what is used of each."""
    _need_card(unit)
    stores = [request.text(0), request.text(1, ""), request.text(2, "")]
    stores = [store or now for store, now in zip(stores, _stores(unit), strict=True)]
    if any(store not in STORES for store in stores):
        raise RefusedMessage(MESSAGE_PARAMETER)
    unit.volatile[_STORES] = ",".join(stores)
    unit.at.info("+CPMS: " + ",".join(f"0,{CAPACITY}" for _ in stores))


def get_stores(unit: Unit, request: Request) -> None:
    """AT+CPMS?"""
    _need_card(unit)
    unit.at.info("+CPMS: " + ",".join(f'"{store}",0,{CAPACITY}' for store in _stores(unit)))


def _stores(unit: Unit) -> list[str]:
    return unit.volatile.get(_STORES, "SM,SM,SM").split(",")


def set_service(unit: Unit, request: Request) -> None:
    """AT+CSMS=<0, 1>: messages to the modem, from it and broadcasts are supported."""
    unit.volatile[_SERVICE] = str(request.number(0, 0, 1))
    unit.at.info("+CSMS: 1,1,1")


def get_service(unit: Unit, request: Request) -> None:
    """AT+CSMS?"""
    unit.at.info(f"+CSMS: {unit.volatile.get(_SERVICE, '0')},1,1,1")


def set_reports(unit: Unit, request: Request) -> None:
    """AT+CNMI=[<mode>[,<mt>[,<bm>[,<ds>[,<bfr>]]]]]: kept; what comes is always reported by +CMTI."""
    most = (3, 3, 3, 2, 1)
    if len(request.args) > len(most):
        raise Refused(BAD_PARAMETER)
    values = [str(request.number(i, 0, limit, 0)) for i, limit in enumerate(most)]
    unit.volatile[_NEW] = ",".join(values)


def get_reports(unit: Unit, request: Request) -> None:
    """AT+CNMI?"""
    unit.at.info(f"+CNMI: {unit.volatile.get(_NEW, '2,1,0,0,0')}")


def list_messages(unit: Unit, request: Request) -> None:
    """AT+CMGL[=<state>]: a word in text mode, a number in PDU mode; no line, since there is no message."""
    _need_card(unit)
    text_mode = unit.volatile.get(_TEXT, "0") == "1"
    state = request.text(0, STATES[0] if text_mode else "0")
    known = STATES if text_mode else tuple(map(str, range(len(STATES))))
    if state not in known:
        raise RefusedMessage(MESSAGE_PARAMETER)


def read_message(unit: Unit, request: Request) -> None:
    """AT+CMGR=<index>: there is none."""
    _need_card(unit)
    request.number(0, 0, 255)
    raise RefusedMessage(MESSAGE_INDEX)


def delete_message(unit: Unit, request: Request) -> None:
    """AT+CMGD=<index>[,<0 to 4>]: one that is not there is deleted as well as any."""
    _need_card(unit)
    if not 0 <= request.number(0, 0, 255) < CAPACITY:
        raise RefusedMessage(MESSAGE_INDEX)
    request.number(1, 0, 4, 0)


def set_characters(unit: Unit, request: Request) -> None:
    """AT+CSCS="<set>": kept."""
    if request.text(0) not in CHARACTER_SETS:
        raise Refused(BAD_PARAMETER)
    unit.volatile[_SET] = request.text(0)


def get_characters(unit: Unit, request: Request) -> None:
    """AT+CSCS?"""
    unit.at.info(f'+CSCS: "{unit.volatile.get(_SET, unit.dialect.character_set)}"')


SMS: Table = {
    "+CMGF=": set_mode,
    "+CMGF?": get_mode,
    "+CMGF=?": "+CMGF: (0,1)",
    "+CPMS=": set_stores,
    "+CPMS?": get_stores,
    "+CPMS=?": '+CPMS: ("SM","ME","MT","SR"),("SM","ME","MT","SR"),("SM","ME","MT","SR")',
    "+CSMS=": set_service,
    "+CSMS?": get_service,
    "+CSMS=?": "+CSMS: (0,1)",
    "+CNMI=": set_reports,
    "+CNMI?": get_reports,
    "+CNMI=?": "+CNMI: (0-3),(0-3),(0-3),(0-2),(0,1)",
    "+CMGL": list_messages,
    "+CMGL=": list_messages,
    "+CMGR=": read_message,
    "+CMGD=": delete_message,
    "+CMGD=?": "+CMGD: (),(0-4)",
    "+CSCS=": set_characters,
    "+CSCS?": get_characters,
    "+CSCS=?": '+CSCS: ("GSM","IRA","UCS2")',
}
