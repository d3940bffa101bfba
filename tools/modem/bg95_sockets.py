"""BG95: contexts and raw sockets, with TLS or without (Quectel TCP/IP manual V1.1, SSL manual V1.0).

The families QI... and QSSL... differ in names only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.bg95_files import tls
from tools.modem.contexts import activate as activate_context
from tools.modem.dial import Failure, Tls
from tools.modem.errors import BAD_PARAMETER, NOT_ALLOWED, Refused
from tools.modem.nv import Context
from tools.modem.request import Request, Table
from tools.modem.sockets import Socket
from tools.modem.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

MAX_SEND, MAX_READ = 1_460, 1_500
MAX_CONTEXTS = {"nbiot": 2}
"""Active at the same time; 3 on other networks."""
BLOCKED = ALREADY = 563
NOT_OPENED = 561
UNKNOWN, BAD, CREATE, DNS_BUSY, DNS, CONNECT, CLOSED = 550, 552, 554, 564, 565, 566, 567
SERVER_SILENT, NO_CONTEXT, NOT_PERMITTED = 569, 570, 572
ERRORS = {
    0: "operate successfully",
    UNKNOWN: "unknown error",
    551: "operation blocked",
    BAD: "invalid parameters",
    553: "memory not enough",
    CREATE: "create socket failed",
    NOT_OPENED: "open PDP context failed",
    ALREADY: "socket identity has been used",
    DNS_BUSY: "DNS busy",
    DNS: "DNS parse failed",
    CONNECT: "socket connect failed",
    CLOSED: "socket has been closed",
    SERVER_SILENT: "operation timeout",
    NO_CONTEXT: "PDP context broken down",
    NOT_PERMITTED: "operation not allowed",
    573: "APN not configured",
}
_FAILURES = {Failure.DNS: DNS, Failure.CONNECT: CONNECT, Failure.TLS: CONNECT, Failure.CERTIFICATE: BAD}
_ERROR = "+QIGETERROR"


# Contexts


def get_active(unit: Unit, request: Request) -> None:
    """AT+QIACT?"""
    for cid, address in sorted(unit.pdp.address.items()):
        unit.at.info(f'+QIACT: {cid},1,1,"{address}"')


def define(unit: Unit, request: Request) -> None:
    """AT+QICSGP=<cid>,<type>,"<apn>"[,"<user>","<password>"[,<0 none, 1 PAP, 2 CHAP, 3 either>]]"""
    cid = request.number(0, 1, 15)
    if len(request.args) == 1:
        context = unit.nv.contexts.get(cid, Context("IP", ""))
        kind = {"IP": 1, "IPV6": 2, "IPV4V6": 3}.get(context.kind, 1)
        unit.at.info(f'+QICSGP: {kind},"{context.apn}","{context.user}","{context.password}",{context.auth}')
        return
    kind_name = {1: "IP", 2: "IPV6", 3: "IPV4V6"}[request.number(1, 1, 3)]
    user, password, auth = request.text(3, ""), request.text(4, ""), request.number(5, 0, 3, 0)
    unit.nv.contexts[cid] = Context(kind_name, request.text(2, ""), user, password, auth)


def activate(unit: Unit, request: Request) -> Work:
    """AT+QIACT=<cid>"""
    cid = request.number(0, 1, 15)
    if cid in unit.pdp.address:
        raise Refused(ALREADY)
    cell = unit.radio.cell
    most = MAX_CONTEXTS.get(cell.rat, 3) if cell else 3
    if cid not in unit.nv.contexts or len(unit.pdp.address) >= most:
        raise Refused(NOT_ALLOWED)
    try:
        yield from activate_context(unit, cid)
    except Refused:
        _remember(unit, NOT_OPENED)
        if unit.has("no-reject-cause"):
            raise Refused from None
        raise


def deactivate(unit: Unit, request: Request) -> Work:
    """AT+QIDEACT=<cid>"""
    cid = request.number(0, 1, 15)
    unit.sockets.lose(cid)
    yield from unit.pdp.deactivate(cid)


def lost(unit: Unit, cid: int) -> None:
    """The network has ended a context."""
    unit.at.urc(f'+QIURC: "pdpdeact",{cid}')
    for client, broker in list(unit.brokers.items()):
        broker.cut()
        del unit.brokers[client]
        unit.at.urc(f"+QMTSTAT: {client},1")


# Sockets


def _family(request: Request) -> str:
    return "QSSL" if request.key.startswith("+QSSL") else "QI"


def open_socket(unit: Unit, request: Request) -> None:
    """AT+QIOPEN=<cid>,<id>,"TCP","<host>",<port>[,<local port>[,<0 buffer, 1 push>]]
    AT+QSSLOPEN=<cid>,<TLS context>,<id>,"<host>",<port>[,<0 buffer, 1 push>]"""
    family = _family(request)
    cid = request.number(0, 1, 15)
    if family == "QI":
        number, at = request.number(1, 0, 11), 3
        if request.text(2).upper() != "TCP":
            raise Refused(BAD_PARAMETER)
        request.number(5, 0, 65_535, 0)
        push = request.number(6, 0, 1, 0) == 1
    else:
        number, at = request.number(2, 0, 11), 3
        push = request.number(5, 0, 1, 0) == 1
    host, port = request.text(at), request.number(at + 1, 1, 65_535)
    secrets = tls(unit, request.number(1, 0, 5)) if family == "QSSL" else None
    if family == "QSSL" and secrets is None:
        _remember(unit, BAD)
        raise Refused
    unit.at.after(_open(unit, family, number, cid, (host, port), secrets, push))


def _open(
    unit: Unit, family: str, number: int, cid: int, address: tuple[str, int], secrets: Tls | None, push: bool
) -> Work:
    code = NO_CONTEXT if cid not in unit.pdp.address else 0
    if (family, number) in unit.sockets.open:
        code = ALREADY
    elif unit.sockets.refused(cid):
        code = BAD
    if not code:
        socket = unit.sockets.add(
            (family, number),
            cid,
            lambda: _arrived(unit, family, number, push),
            lambda: unit.at.urc(f'+{family}URC: "closed",{number}'),
        )
        failure = yield from socket.open(*address, secrets)
        if failure is not None:
            unit.sockets.remove((family, number))
            code = _FAILURES[failure]
    _remember(unit, code)
    unit.at.urc(f"+{family}OPEN: {number},{code}")


def _arrived(unit: Unit, family: str, number: int, push: bool) -> None:
    """Told once until all has been read; or pushed, with its length."""
    socket = unit.sockets.open[family, number]
    if push:
        data = socket.take(MAX_READ)
        unit.at.urc(f'+{family}URC: "recv",{number},{len(data)}\r\n', data)
    else:
        unit.at.urc(f'+{family}URC: "recv",{number}')


def send(unit: Unit, request: Request) -> Work:
    """AT+QISEND=<id>[,<bytes>]: without a length up to Ctrl-Z; 0 asks what has been acknowledged."""
    socket = _socket(unit, request)
    if request.has(1) and request.number(1, 0, MAX_SEND) == 0:
        unit.at.info(f"+{_family(request)}SEND: {socket.sent},{socket.sent},0")
        return
    if request.has(1):
        data: bytes | None = yield from unit.at.data(request.number(1, 1, MAX_SEND), unit.dialect.prompt)
    else:
        data = yield from unit.at.text_data(unit.dialect.prompt)
    if data is not None:
        sent = yield from socket.send(data)
        unit.at.finish("SEND OK" if sent else "SEND FAIL")


def read(unit: Unit, request: Request) -> None:
    """AT+QIRD=<id>[,<at most>], AT+QSSLRECV=<id>,<at most>; 0 asks for the counts."""
    socket, name = _socket(unit, request), request.key[:-1]
    most = request.number(1, 0, MAX_READ, MAX_READ)
    if request.has(1) and most == 0:
        unit.at.info(f"{name}: {socket.received},{socket.received - len(socket.inbox)},{len(socket.inbox)}")
        return
    data = socket.take(most)
    unit.at.info(f"{name}: {len(data)}", data or None)


def close(unit: Unit, request: Request) -> Work:
    """AT+QICLOSE=<id>: an OK also when there is nothing to close."""
    number = request.number(0, 0, 11)
    request.number(1, 0, 65_535, 10)
    yield unit.pause(50, 300)
    unit.sockets.remove((_family(request), number))


def states(unit: Unit, request: Request) -> None:
    """AT+QISTATE, AT+QSSLSTATE: 2 connected, 4 closing"""
    family = _family(request)
    kind = "SSLClient" if family == "QSSL" else "TCP"
    for number, socket in unit.sockets.of(family).items():
        host, port = socket.peer
        state = 2 if socket.opened else 4
        unit.at.info(
            f'+{family}STATE: {number},"{kind}","{host}",{port},0,{state},{socket.cid},{number},0,"uart1"'
        )


def last_error(unit: Unit, request: Request) -> None:
    """AT+QIGETERROR: of the last socket command"""
    code = int(unit.volatile.get(_ERROR, "0"))
    unit.at.info(f"+QIGETERROR: {code},{ERRORS.get(code, 'unknown error')}")


def _remember(unit: Unit, code: int) -> None:
    unit.volatile[_ERROR] = str(code)


def _socket(unit: Unit, request: Request) -> Socket:
    socket = unit.sockets.open.get((_family(request), request.number(0, 0, 11)))
    if socket is None:
        _remember(unit, CLOSED)
        raise Refused
    return socket


SOCKETS: Table = {
    "+QICSGP=": define,
    "+QIACT?": get_active,
    "+QIACT=": activate,
    "+QIDEACT=": deactivate,
    "+QIOPEN=": open_socket,
    "+QISEND=": send,
    "+QIRD=": read,
    "+QICLOSE=": close,
    "+QISTATE": states,
    "+QISTATE?": states,
    "+QIGETERROR": last_error,
    "+QSSLOPEN=": open_socket,
    "+QSSLSEND=": send,
    "+QSSLRECV=": read,
    "+QSSLCLOSE=": close,
    "+QSSLSTATE": states,
    "+QSSLSTATE?": states,
}
