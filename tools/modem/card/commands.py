"""Commands about the card: state, PIN, identity, files (TS 27.007 8.3, 8.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, BAD_PASSWORD, NOT_ALLOWED, PUK_NEEDED, Refused
from tools.modem.engine.request import Request, Table

if TYPE_CHECKING:
    from tools.modem.unit import Unit

_FORBIDDEN = 0x6F7B


def pin_state(unit: Unit, request: Request) -> None:
    """AT+CPIN?"""
    unit.slot.need_card()
    unit.at.info(f"+CPIN: {unit.slot.state()}")


def enter_pin(unit: Unit, request: Request) -> None:
    """AT+CPIN=<PIN>, or <PUK>,<new PIN> when it is blocked."""
    unit.slot.need_card()
    if not unit.slot.locked():
        raise Refused(NOT_ALLOWED)
    if unit.card.pin_tries == 0:
        if not unit.card.unblock(request.text(0), request.text(1)):
            raise Refused(BAD_PASSWORD)
    elif not unit.card.verify(request.text(0)):
        raise Refused(PUK_NEEDED if unit.card.pin_tries == 0 else BAD_PASSWORD)
    unit.slot.unlock()


def lock(unit: Unit, request: Request) -> None:
    """AT+CLCK="SC",<0 off, 1 on, 2 state>[,"<PIN>"]"""
    unit.slot.need()
    if request.text(0).upper() != "SC":
        raise Refused(BAD_PARAMETER)
    mode = request.number(1, 0, 2)
    if mode == 2:
        unit.at.info(f"+CLCK: {int(unit.card.pin is not None)}")
        return
    _verify(unit, request.text(2))
    unit.card.lock(mode == 1)
    unit.slot.trust()


def change_pin(unit: Unit, request: Request) -> None:
    """AT+CPWD="SC","<old>","<new>" """
    unit.slot.need()
    if request.text(0).upper() != "SC" or not request.text(2).isdigit():
        raise Refused(BAD_PARAMETER)
    _verify(unit, request.text(1))
    unit.card.change(request.text(2))


def _verify(unit: Unit, pin: str) -> None:
    if not unit.card.verify(pin):
        raise Refused(PUK_NEEDED if unit.card.pin_tries == 0 else BAD_PASSWORD)


def imsi(unit: Unit, request: Request) -> None:
    """AT+CIMI"""
    unit.slot.need()
    unit.at.info(unit.slot.imsi)


def restricted_access(unit: Unit, request: Request) -> None:
    """AT+CRSM: READ BINARY (176) and, for the forbidden networks, UPDATE BINARY (214)."""
    unit.slot.need()
    command, file_id = request.number(0, 0, 255), request.number(1, 0, 65_535)
    offset, length = request.number(2, 0, 255, 0), request.number(4, 0, 255, 0)
    contents = unit.card.read(file_id)
    if contents is None or command not in (176, 214):
        unit.at.info("+CRSM: 106,130" if contents is None else "+CRSM: 109,0")
    elif command == 176:
        part = contents[offset : offset + (length or 256)]
        unit.at.info(f'+CRSM: 144,0,"{part.hex().upper()}"')
    else:
        _update(unit, file_id, request)


def _update(unit: Unit, file_id: int, request: Request) -> None:
    try:
        data = bytes.fromhex(request.text(5))
    except ValueError:
        raise Refused from None
    if file_id != _FORBIDDEN or request.number(2, 0, 255) or len(data) != request.number(4, 0, 255):
        unit.at.info("+CRSM: 105,130")  # 6982: not allowed
        return
    unit.card.write_forbidden(data)
    unit.at.info("+CRSM: 144,0")


SIM: Table = {
    "+CPIN?": pin_state,
    "+CPIN=": enter_pin,
    "+CLCK=": lock,
    "+CLCK=?": '+CLCK: ("SC")',
    "+CPWD=": change_pin,
    "+CPWD=?": '+CPWD: ("SC",8)',
    "+CIMI": imsi,
    "+CRSM=": restricted_access,
}
