"""Commands that carry APDUs: AT+CCHO, AT+CGLA, AT+CCHC (TS 27.007 8.43 to 8.46) and AT+CSIM (8.17).

The session id of AT+CCHO is the modem's; that it is the number of a channel is chance (lpac #139).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.card.uicc import LAST_BLOCK
from tools.modem.engine.errors import BAD_PARAMETER, NOT_ALLOWED, SIM_FAILURE, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

APDU_MS = (20, 60)
"""Duration of one APDU at the card: openpilot has measured 50 ms for a switch."""
_BARRED = (0x10, 0x12, 0x14, 0xC2)
"""TERMINAL PROFILE, FETCH, TERMINAL RESPONSE, ENVELOPE: the modem's own (SIM7600 manual)."""
STORE_DATA = 0xE2
_HEX_SESSION = 0x5A1E_0000_0000_0000


def open_channel(unit: Unit, request: Request) -> Work:
    """AT+CCHO="<AID>" """
    unit.slot.need()
    aid = _bytes(request.text(0))
    yield unit.pause(*APDU_MS)
    channel = unit.slot.uicc.open()
    if channel is None:
        raise Refused(NOT_ALLOWED)
    if unit.slot.uicc.select(channel, aid) != b"\x90\x00":
        unit.slot.uicc.close(channel)
        raise Refused(SIM_FAILURE)
    session = f"{_HEX_SESSION + channel:X}" if unit.has("hex-session") else str(channel)
    unit.at.info(session if unit.has("bare-ccho") else f"+CCHO: {session}")


def close_channel(unit: Unit, request: Request) -> None:
    """AT+CCHC=<session>"""
    unit.slot.need()
    if not unit.slot.uicc.close(_channel(unit, request)):
        raise Refused(BAD_PARAMETER)
    if unit.has("cchc-answers"):
        unit.at.info("+CCHC")


def on_channel(unit: Unit, request: Request) -> Work:
    """AT+CGLA=<session>,<characters>,"<APDU>" """
    unit.slot.need()
    apdu = _apdu(request, 1)
    if unit.has("cla-80") and apdu[0] & 3:
        yield unit.pause(*APDU_MS)
        _answer(unit, "+CGLA", b"\x6e\x00")
        return
    answer = unit.slot.uicc.transmit(apdu, _channel(unit, request))
    yield from _exchanged(unit)
    if unit.has("cgla-load") and unit.card.loads and apdu[1] == STORE_DATA and apdu[2] & LAST_BLOCK:
        raise Refused(SIM_FAILURE)
    _answer(unit, "+CGLA", answer)
    unit.slot.obey()


def generic(unit: Unit, request: Request) -> Work:
    """AT+CSIM=<characters>,"<APDU>" """
    unit.slot.need()
    apdu = _apdu(request, 0)
    if apdu[1] in _BARRED or (unit.has("csim-basic") and apdu[0] & 3):
        raise Refused(NOT_ALLOWED)
    answer = unit.slot.uicc.transmit(apdu)
    yield from _exchanged(unit)
    _answer(unit, "+CSIM", answer)
    unit.slot.obey()


def _exchanged(unit: Unit) -> Work:
    """The card works, and answers unless it is mute."""
    yield unit.pause(*APDU_MS)
    if unit.card.work_ms:
        yield unit.env.timeout(unit.card.work_ms)
    if unit.card.mute:
        raise Refused(SIM_FAILURE)


def _channel(unit: Unit, request: Request) -> int:
    """The channel of a session."""
    try:
        number = int(request.text(0), 16)
    except ValueError:
        raise Refused(BAD_PARAMETER) from None
    return number - _HEX_SESSION if unit.has("hex-session") else number


def _apdu(request: Request, at: int) -> bytes:
    text = request.text(at + 1)
    apdu = _bytes(text)
    if request.number(at, 8, 534) != len(text):
        raise Refused(BAD_PARAMETER)
    return apdu


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refused(BAD_PARAMETER) from None


def _answer(unit: Unit, name: str, answer: bytes) -> None:
    unit.at.info(f'{name}: {2 * len(answer)},"{answer.hex().upper()}"')


CHANNELS: Table = {"+CCHO=": open_channel, "+CCHC=": close_channel, "+CGLA=": on_channel}
GENERIC: Table = {"+CSIM=": generic}
