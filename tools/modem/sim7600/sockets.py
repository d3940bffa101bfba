"""SIM7600: the network service, raw sockets, time server (AT manual V3.00)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.at import Outcome
from tools.modem.engine.datamode import Passage
from tools.modem.engine.errors import BAD_PARAMETER, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work
from tools.modem.link.dial import Failure
from tools.modem.link.sockets import Socket
from tools.modem.network.contexts import go_online
from tools.modem.sim7600.client import running

if TYPE_CHECKING:
    from tools.modem.unit import Unit

PDP_CID = 1
MAX_SEND, MAX_READ, MAX_HEX = 1_500, 1_500, 750
NETWORK, NOT_OPENED, PARAMETER, UNSUPPORTED, BUSY, OPENED, TIMEOUT, DNS = 1, 2, 3, 4, 8, 9, 10, 11
CONNECT_FAILED = 6
_FAILURES = {Failure.DNS: DNS, Failure.CONNECT: TIMEOUT, Failure.TLS: CONNECT_FAILED}
_OPEN, _MANUAL, _NTP, _MODE = "+NETOPEN", "+CIPRXGET", "+CNTP", "+CIPMODE"
_CONFIG, _SEND_MODE = "+CIPCCFG", "+CIPSENDMODE"
CONFIG = (
    (10, range(11)),
    (0, range(1_001)),
    (0, range(1)),
    (1, range(2)),
    (1, range(2)),
    (0, range(2)),
    (500, range(500, 120_001)),
)
"""Values of AT+CIPCCFG (default, allowed): retries, ms to wait before sending, ack, form of errors, header,
async, time-out in ms."""
_DEFAULTS = ",".join(str(default) for default, _ in CONFIG)
REMOTE = 1
"""Code of +IPCLOSE."""
NTP_PORT = 123
NTP_FAILED, NTP_TIMEOUT = 1, 5


def is_open(unit: Unit) -> bool:
    """Whether the network service is open."""
    return _OPEN in unit.volatile


def net_open(unit: Unit, request: Request) -> Work:
    """AT+NETOPEN"""
    if is_open(unit):
        unit.at.info("+NETOPEN: 1" if unit.has("netopen-code") else "+IP ERROR: Network is already opened")
        raise Refused
    yield from unit.at.two_stage("+NETOPEN: ", _net_open(unit))


def _net_open(unit: Unit) -> Outcome:
    if PDP_CID not in unit.pdp.address and not (yield from unit.pdp.activate(PDP_CID)):
        return NETWORK
    unit.volatile[_OPEN] = ""
    return 0


def net_state(unit: Unit, request: Request) -> None:
    """AT+NETOPEN?"""
    unit.at.info(f"+NETOPEN: {int(is_open(unit))}")


def net_close(unit: Unit, request: Request) -> Work:
    """AT+NETCLOSE"""
    if not is_open(unit):
        unit.at.info("+NETCLOSE: 2")
        raise Refused
    yield from unit.at.two_stage("+NETCLOSE: ", _net_close(unit))


def _net_close(unit: Unit) -> Outcome:
    for number in unit.sockets.of("CIP"):
        _remove(unit, number)
    unit.volatile.pop(_OPEN, None)
    if running(unit) is None:
        yield from unit.pdp.deactivate(PDP_CID)
    return 0


def address(unit: Unit, request: Request) -> None:
    """AT+IPADDR"""
    if not is_open(unit):
        unit.at.info("+IP ERROR: Network not opened")
        raise Refused
    unit.at.info(f"+IPADDR: {unit.pdp.address[PDP_CID]}")


def lost(unit: Unit, cid: int) -> None:
    """The network has ended a context."""
    if cid != PDP_CID:
        return
    if unit.volatile.pop(_OPEN, None) is not None:
        unit.at.urc("+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY")
    for client, broker in unit.brokers.items():
        broker.cut()
        unit.at.urc(f"+CMQTTCONNLOST: {client},3")
    unit.brokers.clear()
    if running(unit) is not None:
        unit.at.urc("+CMQTTNONET")


# Transparent mode


def set_mode(unit: Unit, request: Request) -> None:
    """AT+CIPMODE=<0 commands, 1 transparent>; refused while the network service is open."""
    mode = request.number(0, 0, 1)
    if is_open(unit):
        raise Refused
    unit.volatile[_MODE] = str(mode)


def get_mode(unit: Unit, request: Request) -> None:
    """AT+CIPMODE?"""
    unit.at.info(f"+CIPMODE: {unit.volatile.get(_MODE, '0')}")


def _is_transparent(unit: Unit) -> bool:
    return unit.volatile.get(_MODE) == "1"


def _pass_through(unit: Unit, number: int, host: str, port: int) -> Work:
    """The connection in transparent mode: CONNECT, then its bytes; one that fails says CONNECT FAIL."""
    if number:
        raise Refused(BAD_PARAMETER)  # there is one such connection, and its number is 0
    if (yield from _open(unit, number, host, port)):
        unit.at.finish("CONNECT FAIL")
        return
    socket = unit.sockets.open["CIP", number]
    unit.at.call = Passage(unit, socket.send)
    go_online(unit)


def configure(unit: Unit, request: Request) -> None:
    """AT+CIPCCFG=<retries>,<wait>,<ack>,<error form>,<header>,<async>,<time-out>: kept, without effect."""
    now = unit.volatile.get(_CONFIG, _DEFAULTS).split(",")
    if len(request.args) > len(CONFIG):
        raise Refused(BAD_PARAMETER)
    values = [
        str(request.number(i, allowed[0], allowed[-1], int(now[i]))) for i, (_, allowed) in enumerate(CONFIG)
    ]
    unit.volatile[_CONFIG] = ",".join(values)


def configuration(unit: Unit, request: Request) -> None:
    """AT+CIPCCFG?"""
    unit.at.info(f"+CIPCCFG: {unit.volatile.get(_CONFIG, _DEFAULTS)}")


def set_send_mode(unit: Unit, request: Request) -> None:
    """AT+CIPSENDMODE=<0 do not wait for the other side's acknowledgement, 1 wait>: kept."""
    unit.volatile[_SEND_MODE] = str(request.number(0, 0, 1))


def get_send_mode(unit: Unit, request: Request) -> None:
    """AT+CIPSENDMODE?"""
    unit.at.info(f"+CIPSENDMODE: {unit.volatile.get(_SEND_MODE, '0')}")


# Sockets


def open_socket(unit: Unit, request: Request) -> Work:
    """AT+CIPOPEN=<id>,"TCP","<host>",<port>[,<local port>]"""
    number = request.number(0, 0, 9)
    code = NETWORK if not is_open(unit) else OPENED if ("CIP", number) in unit.sockets.open else 0
    if request.text(1).upper() != "TCP":
        code = UNSUPPORTED
    elif unit.sockets.refused(PDP_CID):
        code = PARAMETER
    host, port = request.text(2), request.number(3, 1, 65_535)
    if code:
        unit.at.info(f"+CIPOPEN: {number},{code}")
        raise Refused
    if _is_transparent(unit):
        yield from _pass_through(unit, number, host, port)
    else:
        yield from unit.at.two_stage(f"+CIPOPEN: {number},", _open(unit, number, host, port))


def _open(unit: Unit, number: int, host: str, port: int) -> Outcome:
    socket = unit.sockets.add(
        ("CIP", number), PDP_CID, lambda: _arrived(unit, number), lambda: _closed(unit, number)
    )
    failure = yield from socket.open(host, port, None)
    if failure is None:
        return 0
    unit.sockets.remove(("CIP", number))
    return _FAILURES[failure]


def list_open(unit: Unit, request: Request) -> None:
    """AT+CIPOPEN?: a line for each number, empty when it is free."""
    sockets = unit.sockets.of("CIP")
    for number in range(10):
        peer = sockets[number].peer if number in sockets else None
        unit.at.info(f'+CIPOPEN: {number},"TCP","{peer[0]}",{peer[1]},-1' if peer else f"+CIPOPEN: {number}")


def _arrived(unit: Unit, number: int) -> None:
    """Reported, to be read by hand; or the bytes themselves, in transparent mode nothing else."""
    socket = unit.sockets.open["CIP", number]
    if _is_transparent(unit):
        unit.at.raw(socket.take(len(socket.inbox)))
        return
    if unit.volatile.get(_MANUAL) == "1":
        unit.at.urc(f"+CIPRXGET: 1,{number}")
        return
    while data := socket.take(MAX_READ):
        unit.at.urc(f"RECV FROM:{socket.peer[0]}:{socket.peer[1]}")
        unit.at.urc(f"+IPD{len(data)}\r\n", data)


def _closed(unit: Unit, number: int) -> None:
    unit.sockets.remove(("CIP", number))
    if _is_transparent(unit):
        unit.at.hang_up("CLOSED")
    else:
        unit.at.urc(f"+IPCLOSE: {number},{REMOTE}")


def send(unit: Unit, request: Request) -> Work:
    """AT+CIPSEND=<id>,<bytes>: OK when the bytes are taken, then +CIPSEND: <id>,<bytes>,<sent or -1>"""
    number, count = request.number(0, 0, 9), request.number(1, 1, MAX_SEND)
    socket = unit.sockets.open.get(("CIP", number))
    if socket is None:
        unit.at.info(f"+CIPERROR: {NOT_OPENED}")
        raise Refused
    data = yield from unit.at.data(count, unit.dialect.prompt)
    unit.at.after(_send(unit, number, socket, data))


def _send(unit: Unit, number: int, socket: Socket, data: bytes) -> Work:
    sent = yield from socket.send(data)
    unit.at.urc(f"+CIPSEND: {number},{len(data)},{len(data) if sent else -1}")


def receive(unit: Unit, request: Request) -> None:
    """AT+CIPRXGET=<0 automatic, 1 by hand>, =2,<id>[,<at most>], =3 the same in hex, =4,<id> what waits"""
    mode = request.number(0, 0, 4)
    if mode < 2:
        unit.volatile[_MANUAL] = str(mode)
        return
    number = request.number(1, 0, 9)
    socket = unit.sockets.open.get(("CIP", number))
    if socket is None or unit.volatile.get(_MANUAL) != "1":
        unit.at.info("+IP ERROR: No data" if socket else f"+CIPERROR: {NOT_OPENED}")
        raise Refused
    if mode == 4:
        unit.at.info(f"+CIPRXGET: 4,{number},{len(socket.inbox)}")
        return
    most = MAX_HEX if mode == 3 else MAX_READ
    data = socket.take(request.number(2, 1, most, most))
    if not data:
        unit.at.info("+IP ERROR: No data")
        raise Refused
    head = f"+CIPRXGET: {mode},{number},{len(data)},{len(socket.inbox)}"
    unit.at.info(head, data.hex().upper().encode() if mode == 3 else data)


def receive_mode(unit: Unit, request: Request) -> None:
    """AT+CIPRXGET?"""
    unit.at.info(f"+CIPRXGET: {unit.volatile.get(_MANUAL, '0')}")


def close(unit: Unit, request: Request) -> Work:
    """AT+CIPCLOSE=<id>"""
    number = request.number(0, 0, 9)
    if ("CIP", number) not in unit.sockets.open:
        unit.at.info(f"+CIPCLOSE: {number},{NOT_OPENED}")
        raise Refused
    yield from unit.at.two_stage(f"+CIPCLOSE: {number},", _close(unit, number))


def _close(unit: Unit, number: int) -> Outcome:
    yield unit.pause(50, 300)
    _remove(unit, number)
    return 0


def _remove(unit: Unit, number: int) -> None:
    """Close it; a transparent connection is then none that ATO leads back to."""
    unit.sockets.remove(("CIP", number))
    if isinstance(unit.at.call, Passage):
        unit.at.hang_up()


# Time server


def set_server(unit: Unit, request: Request) -> None:
    """AT+CNTP="<server>"[,<zone in quarter hours>]"""
    zone = request.number(1, -96, 96, 0)
    unit.volatile[_NTP] = f'"{request.text(0)}",{zone}'


def get_server(unit: Unit, request: Request) -> None:
    """AT+CNTP?"""
    unit.at.info(f"+CNTP: {unit.volatile.get(_NTP, '')}")


def ask_server(unit: Unit, request: Request) -> Work:
    """AT+CNTP: sets the clock"""
    if _NTP not in unit.volatile:
        raise Refused(BAD_PARAMETER)
    yield from unit.at.two_stage("+CNTP: ", _ask(unit))


def _ask(unit: Unit) -> Outcome:
    if not is_open(unit):
        return NTP_FAILED
    server = unit.volatile[_NTP].split('"')[1]
    leads = unit.pdp.leads(PDP_CID, server, NTP_PORT)
    if not leads or unit.hosts == "none" or not (yield from unit.radio.bearer.exchange(120, 120, 2)):
        return NTP_TIMEOUT
    unit.clock.set(float(int(unit.air.utc_s())), int(unit.volatile[_NTP].rpartition(",")[2]))
    return 0


SOCKETS: Table = {
    "+NETOPEN": net_open,
    "+NETOPEN?": net_state,
    "+NETCLOSE": net_close,
    "+IPADDR": address,
    "+CIPOPEN=": open_socket,
    "+CIPOPEN?": list_open,
    "+CIPSEND=": send,
    "+CIPMODE=": set_mode,
    "+CIPMODE?": get_mode,
    "+CIPMODE=?": "+CIPMODE: (0-1)",
    "+CIPCCFG=": configure,
    "+CIPCCFG?": configuration,
    "+CIPCCFG=?": "+CIPCCFG: (0-10),(0-1000),(0),(0,1),(0,1),(0,1),(500-120000)",
    "+CIPSENDMODE=": set_send_mode,
    "+CIPSENDMODE?": get_send_mode,
    "+CIPSENDMODE=?": "+CIPSENDMODE: (0,1)",
    "+CIPRXGET=": receive,
    "+CIPRXGET?": receive_mode,
    "+CIPCLOSE=": close,
    "+CNTP=": set_server,
    "+CNTP?": get_server,
    "+CNTP": ask_server,
}
