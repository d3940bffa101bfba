"""BG95: contexts and raw sockets, with TLS or without (Quectel TCP/IP manual V1.1, SSL manual V1.0).

The families QI... and QSSL... differ in names only.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from tools.modem.bg95.files import tls
from tools.modem.engine.errors import BAD_PARAMETER, NOT_ALLOWED, Refused
from tools.modem.engine.nv import Context
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work
from tools.modem.link.dial import Failure, Tls, address_of
from tools.modem.link.sockets import Socket
from tools.modem.network.contexts import activate as activate_context

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
NAME_LASTS_S = 600
"""Sent with the addresses of a name: for so long they may be kept."""
PING_BYTES, HOPS = 32, 255


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
    """Reported once until all has been read; or pushed, with its length."""
    socket = unit.sockets.open[family, number]
    while push and (data := socket.take(MAX_READ)):
        unit.at.urc(f'+{family}URC: "recv",{number},{len(data)}\r\n', data)
    if not push:
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
    """AT+QISTATE, AT+QSSLSTATE: 2 connected, 4 closing; =0,<cid> those of a context, =1,<id> that one."""
    family = _family(request)
    kind = "SSLClient" if family == "QSSL" else "TCP"
    by_number = request.has(0) and request.number(0, 0, 1) == 1
    wanted = request.number(1, 0, 11 if by_number else 15) if request.has(0) else None
    for number, socket in unit.sockets.of(family).items():
        if wanted is not None and wanted != (number if by_number else socket.cid):
            continue
        host, port = socket.peer
        state = 2 if socket.opened else 4
        unit.at.info(
            f'+{family}STATE: {number},"{kind}","{host}",{port},0,{state},{socket.cid},{number},0,"uart1"'
        )


# Name server, ping


def resolve(unit: Unit, request: Request) -> None:
    """AT+QIDNSGIP=<cid>,"<host>": OK, then +QIURC: "dnsgip" with the count of addresses, and each of them."""
    cid, host = _context_in_use(unit, request), _host(request)
    unit.at.after(_resolve(unit, cid, host))


def _resolve(unit: Unit, cid: int, host: str) -> Work:
    if not (yield from _reach(unit, cid, host)):
        unit.at.urc(f'+QIURC: "dnsgip",{DNS}')
        return
    unit.at.urc(f'+QIURC: "dnsgip",0,1,{NAME_LASTS_S}')
    unit.at.urc(f'+QIURC: "dnsgip","{address_of(host)}"')


def ping(unit: Unit, request: Request) -> None:
    """AT+QPING=<cid>,"<host>"[,<time-out, s>[,<count>]]: OK, a line a ping, then the sums."""
    cid, host = _context_in_use(unit, request), _host(request)
    limit_s, count = request.number(2, 1, 255, 4), request.number(3, 1, 10, 4)
    unit.at.after(_ping(unit, cid, host, limit_s, count))


def _ping(unit: Unit, cid: int, host: str, limit_s: int, count: int) -> Work:
    times_ms: list[int] = []
    for _ in range(count):
        began_ms = unit.env.now
        reached = yield from _reach(unit, cid, host)
        took_ms = round(unit.env.now - began_ms)
        if reached and took_ms <= 1_000 * limit_s:
            times_ms.append(took_ms)
            unit.at.urc(f'+QPING: 0,"{address_of(host)}",{PING_BYTES},{took_ms},{HOPS}')
        else:
            unit.at.urc(f"+QPING: {SERVER_SILENT}")
    least, most = (min(times_ms), max(times_ms)) if times_ms else (0, 0)
    mean = sum(times_ms) // len(times_ms) if times_ms else 0
    unit.at.urc(f"+QPING: 0,{count},{len(times_ms)},{count - len(times_ms)},{least},{most},{mean}")


def _context_in_use(unit: Unit, request: Request) -> int:
    cid = request.number(0, 1, 15)
    if cid not in unit.pdp.address:
        _remember(unit, NO_CONTEXT)
        raise Refused(NOT_ALLOWED)
    return cid


def _host(request: Request) -> str:
    host = request.text(1)
    if not host:
        raise Refused(BAD_PARAMETER)
    return host


def _reach(unit: Unit, cid: int, host: str) -> Generator[simpy.Event, Any, bool]:
    """One packet there and one back; False when the network or the access point leads nowhere."""
    passed = yield from unit.radio.bearer.exchange(PING_BYTES, PING_BYTES, 1)
    return passed and unit.hosts != "none" and unit.pdp.leads(cid, host, 0)


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
    "+QISTATE=": states,
    "+QIGETERROR": last_error,
    "+QIDNSGIP=": resolve,
    "+QPING=": ping,
    "+QSSLOPEN=": open_socket,
    "+QSSLSEND=": send,
    "+QSSLRECV=": read,
    "+QSSLCLOSE=": close,
    "+QSSLSTATE": states,
    "+QSSLSTATE?": states,
    "+QSSLSTATE=": states,
}
