"""SIM7600: sockets with TLS, AT+CCH... (AT manual V3.00)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.at import Outcome
from tools.modem.engine.errors import BAD_PARAMETER, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work
from tools.modem.link.dial import Failure, Tls
from tools.modem.link.sockets import Socket
from tools.modem.sim7600.files import tls
from tools.modem.sim7600.sockets import PDP_CID

if TYPE_CHECKING:
    from tools.modem.unit import Unit

MAX_SEND = MAX_READ = 2_048
ALERTING, UNKNOWN, BUSY, PEER_CLOSED, TIMEOUT, SEND_FAILED, NOT_OPENED = 1, 2, 3, 4, 5, 6, 12
DNS, CONNECT, HANDSHAKE, NO_CERTIFICATE = 13, 14, 15, 19
_FAILURES = {
    Failure.DNS: DNS,
    Failure.CONNECT: CONNECT,
    Failure.TLS: HANDSHAKE,
    Failure.CERTIFICATE: NO_CERTIFICATE,
}
_STARTED, _MODE = "+CCHSTART", "+CCHSET"


def start(unit: Unit, request: Request) -> Work:
    """AT+CCHSTART: opens the PDP context by itself."""
    if _STARTED in unit.volatile:
        raise Refused
    yield from unit.at.two_stage("+CCHSTART: ", _start(unit))


def _start(unit: Unit) -> Outcome:
    if PDP_CID not in unit.pdp.address and not (yield from unit.pdp.activate(PDP_CID)):
        return UNKNOWN
    unit.volatile[_STARTED] = ""
    return 0


def stop(unit: Unit, request: Request) -> Work:
    """AT+CCHSTOP"""
    if _STARTED not in unit.volatile:
        raise Refused
    yield from unit.at.two_stage("+CCHSTOP: ", _stop(unit))


def _stop(unit: Unit) -> Outcome:
    for session in unit.sockets.of("CCH"):
        unit.sockets.remove(("CCH", session))
    unit.volatile.pop(_STARTED, None)
    yield unit.pause(100, 600)
    return 0


def set_modes(unit: Unit, request: Request) -> None:
    """AT+CCHSET=<0, 1: report when bytes are sent>[,<0 automatic, 1 by hand>]"""
    unit.volatile[_MODE] = f"{request.number(0, 0, 1)},{request.number(1, 0, 1, 0)}"


def use_context(unit: Unit, request: Request) -> None:
    """AT+CCHSSLCFG=<session>,<TLS context>"""
    session = request.number(0, 0, 1)
    unit.volatile[f"+CCHSSLCFG/{session}"] = str(request.number(1, 0, 9))


def open_session(unit: Unit, request: Request) -> Work:
    """AT+CCHOPEN=<session>,"<host>",<port>[,<1 TCP, 2 TLS>]"""
    session, host, port = request.number(0, 0, 1), request.text(1), request.number(2, 1, 65_535)
    encrypted = request.number(3, 1, 2, 2) == 2
    if _STARTED not in unit.volatile or ("CCH", session) in unit.sockets.open:
        raise Refused(BAD_PARAMETER)
    context = int(unit.volatile.get(f"+CCHSSLCFG/{session}", "0"))
    secrets = tls(unit, context) if encrypted else None
    if encrypted and secrets is None:
        unit.at.info(f"+CCHOPEN: {session},{NO_CERTIFICATE}")
        raise Refused
    yield from unit.at.two_stage(f"+CCHOPEN: {session},", _open(unit, session, host, port, secrets))


def _open(unit: Unit, session: int, host: str, port: int, secrets: Tls | None) -> Outcome:
    if unit.sockets.refused(PDP_CID):
        return UNKNOWN
    socket = unit.sockets.add(
        ("CCH", session), PDP_CID, lambda: _arrived(unit, session), lambda: _closed(unit, session)
    )
    failure = yield from socket.open(host, port, secrets)
    if failure is None:
        return 0
    unit.sockets.remove(("CCH", session))
    return _FAILURES[failure]


def _arrived(unit: Unit, session: int) -> None:
    if _modes(unit)[1] == "1":
        unit.at.urc(f"+CCHEVENT: {session},RECV EVENT")
        return
    socket = unit.sockets.open["CCH", session]
    while data := socket.take(MAX_READ):
        unit.at.urc(f"+CCHRECV: DATA,{session},{len(data)}\r\n", data)


def _closed(unit: Unit, session: int) -> None:
    unit.sockets.remove(("CCH", session))
    unit.at.urc(f"+CCH_PEER_CLOSED: {session}")


def send(unit: Unit, request: Request) -> Work:
    """AT+CCHSEND=<session>,<bytes>"""
    socket, session = _socket(unit, request), request.number(0, 0, 1)
    data = yield from unit.at.data(request.number(1, 1, MAX_SEND), unit.dialect.prompt)
    unit.at.after(_send(unit, session, socket, data))


def _send(unit: Unit, session: int, socket: Socket, data: bytes) -> Work:
    sent = yield from socket.send(data)
    if not sent or _modes(unit)[0] == "1":
        unit.at.urc(f"+CCHSEND: {session},{0 if sent else SEND_FAILED}")


def waiting(unit: Unit, request: Request) -> None:
    """AT+CCHRECV?"""
    sockets = unit.sockets.of("CCH")
    counts = [len(sockets[session].inbox) if session in sockets else 0 for session in (0, 1)]
    unit.at.info(f"+CCHRECV: LEN,{counts[0]},{counts[1]}")


def receive(unit: Unit, request: Request) -> None:
    """AT+CCHRECV=<session>[,<at most>]: the bytes, then +CCHRECV: <session>,0"""
    socket, session = _socket(unit, request), request.number(0, 0, 1)
    data = socket.take(request.number(1, 1, MAX_READ, MAX_READ))
    if data:
        unit.at.info(f"+CCHRECV: DATA,{session},{len(data)}", data)
    unit.at.info(f"+CCHRECV: {session},0")


def close(unit: Unit, request: Request) -> Work:
    """AT+CCHCLOSE=<session>"""
    _socket(unit, request)
    session = request.number(0, 0, 1)
    yield from unit.at.two_stage(f"+CCHCLOSE: {session},", _close(unit, session))


def _close(unit: Unit, session: int) -> Outcome:
    yield unit.pause(50, 300)
    unit.sockets.remove(("CCH", session))
    return 0


def _modes(unit: Unit) -> list[str]:
    return unit.volatile.get(_MODE, "0,0").split(",")


def _socket(unit: Unit, request: Request) -> Socket:
    session = request.number(0, 0, 1)
    socket = unit.sockets.open.get(("CCH", session))
    if socket is None:
        unit.at.info(f"{request.key[:-1]}: {session},{NOT_OPENED}")
        raise Refused
    return socket


SSL: Table = {
    "+CCHSTART": start,
    "+CCHSTOP": stop,
    "+CCHSET=": set_modes,
    "+CCHSSLCFG=": use_context,
    "+CCHOPEN=": open_session,
    "+CCHSEND=": send,
    "+CCHRECV?": waiting,
    "+CCHRECV=": receive,
    "+CCHCLOSE=": close,
}
