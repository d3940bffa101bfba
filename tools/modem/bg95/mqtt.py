"""BG95: MQTT (Quectel MQTT manual V1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.bg95.files import tls
from tools.modem.engine.at import Outcome
from tools.modem.engine.errors import BAD_PARAMETER, NOT_ALLOWED, Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.settings import Rule, indexed, value
from tools.modem.engine.tasks import Work
from tools.modem.link.broker import Broker
from tools.modem.link.dial import Failure
from tools.modem.link.mqtt import Login, Will

if TYPE_CHECKING:
    from tools.modem.unit import Unit

CLIENTS = range(6)
MAX_PAYLOAD = 4_096
WINDOW = 5
_IN_FLIGHT = "+QMTPUB/"
MAX_INLINE = 560
SLOTS = range(5)
CLOSED_BY_PEER, PING_UNANSWERED = 1, 2
"""Codes of +QMTSTAT."""

STALE_LINES = 15

RULES: dict[str, Rule] = {
    "version": [range(3, 5)],
    "pdpcid": [range(1, 16)],
    "ssl": [range(2), range(6)],
    "keepalive": [range(3_601)],
    "session": [range(2)],
    "timeout": [range(1, 61), range(11), range(2)],
    "recv/mode": [range(2), range(2)],
    "will": [range(2), range(3), range(2), None, None],
}
_FAILURES = {Failure.DNS: 4, Failure.CONNECT: 5, Failure.TLS: -1, Failure.CERTIFICATE: -1}


def open_client(unit: Unit, request: Request) -> None:
    """AT+QMTOPEN=<client>,"<host>",<port>"""
    client, host, port = _client(request), request.text(1), request.number(2, 1, 65_535)
    unit.at.after(_open(unit, client, host, port))


def _open(unit: Unit, client: int, host: str, port: int) -> Work:
    result = yield from _opened(unit, client, host, port)
    _report_stale_end(unit, client)
    unit.at.urc(f"+QMTOPEN: {client},{result}")
    _report_stale_end(unit, client)


def _report_stale_end(unit: Unit, client: int) -> None:
    """The end of the connection before, by the dozen."""
    if unit.has("stale-end"):
        for _ in range(STALE_LINES):
            unit.at.urc(f"+QMTSTAT: {client},{CLOSED_BY_PEER}")


def _refuses(unit: Unit, client: int) -> int:
    """Why the stack does not even try; 0: it does."""
    cid = _context(unit, client)
    if client in unit.brokers:
        return 2
    return 3 if cid not in unit.pdp.address else 1 if unit.sockets.refused(cid) else 0


def _context(unit: Unit, client: int) -> int:
    return int(value(unit, "+QMTCFG", "pdpcid", client, "1")[0])


def _opened(unit: Unit, client: int, host: str, port: int) -> Outcome:
    reason = _refuses(unit, client)
    if reason:
        return reason
    if unit.has("mqtt-broken"):
        yield unit.pause(2_000, 9_000)
        return -1
    use_tls, context, *_ = *value(unit, "+QMTCFG", "ssl", client, "0,0"), "0"
    secrets = tls(unit, int(context)) if use_tls == "1" else None
    if use_tls == "1" and secrets is None:
        return -1
    broker = Broker(
        unit,
        lambda topic, payload: _received(unit, client, topic, payload),
        lambda: hung_up(unit, client),
        lambda: _stat(unit, client, PING_UNANSWERED),
    )
    unit.brokers[client] = broker
    unit.volatile[f"+QMTOPEN/{client}"] = f'"{host}",{port}'
    failure = yield from broker.open(host, port, secrets, _context(unit, client))
    if failure is None:
        return 0
    _forget(unit, client)
    return _FAILURES[failure]


def list_open(unit: Unit, request: Request) -> None:
    """AT+QMTOPEN?"""
    for client in sorted(unit.brokers):
        unit.at.info(f"+QMTOPEN: {client},{unit.volatile[f'+QMTOPEN/{client}']}")


def connect(unit: Unit, request: Request) -> None:
    """AT+QMTCONN=<client>,"<client id>"[,"<user>"[,"<password>"]]"""
    client = _client(request)
    broker = _open_broker(unit, client)
    if broker.connected:
        raise Refused(NOT_ALLOWED)
    login = Login(
        request.text(1),
        request.text(2, ""),
        request.text(3, ""),
        int(value(unit, "+QMTCFG", "keepalive", client, "120")[0]),
        value(unit, "+QMTCFG", "session", client, "1")[0] == "1",
        _will(unit, client),
    )
    unit.at.after(_connect(unit, client, broker, login))


def _connect(unit: Unit, client: int, broker: Broker, login: Login) -> Work:
    turn = f"+QMTCONN/{client}"
    _report_repeats(unit, client, turn, f"+QMTCONN: {client},1", counted=False)
    code = yield from broker.login(login, _patience_ms(unit, client))
    unit.volatile.pop(turn, None)
    unit.at.urc(f"+QMTCONN: {client},2" if code is None else f"+QMTCONN: {client},0,{code}")
    if code != 0:
        _forget(unit, client)


def _will(unit: Unit, client: int) -> Will | None:
    """QMTCFG "will": on, QoS, retain, topic, text."""
    on, *rest = value(unit, "+QMTCFG", "will", client, "0")
    if on != "1" or len(rest) != 4:
        return None
    qos, retain, topic, text = rest
    return Will(topic, text.encode("latin-1"), int(qos or 0), retain == "1")


def list_connections(unit: Unit, request: Request) -> None:
    """AT+QMTCONN?"""
    for client, broker in sorted(unit.brokers.items()):
        unit.at.info(f"+QMTCONN: {client},{3 if broker.connected else 1}")


def subscribe(unit: Unit, request: Request) -> None:
    """AT+QMTSUB=<client>,<message id>,"<topic>",<qos>: one topic a command."""
    client, message = _client(request), request.number(1, 1, 65_535)
    topic, qos = request.text(2), request.number(3, 0, 2)
    broker = _connected_broker(unit, client)
    unit.at.after(_subscribe(unit, client, broker, message, topic, qos))


def _subscribe(unit: Unit, client: int, broker: Broker, message: int, topic: str, qos: int) -> Work:
    turn = f"+QMTSUB/{client}/{message}"
    _report_repeats(unit, client, turn, f"+QMTSUB: {client},{message},1")
    granted = yield from broker.subscribe(topic, qos, _patience_ms(unit, client))
    unit.volatile.pop(turn, None)
    result = "2" if granted is None else f"0,{granted}"
    unit.at.urc(f"+QMTSUB: {client},{message},{result}")


def unsubscribe(unit: Unit, request: Request) -> None:
    """AT+QMTUNS=<client>,<message id>,"<topic>" """
    client, message, topic = _client(request), request.number(1, 1, 65_535), request.text(2)
    broker = _connected_broker(unit, client)
    unit.at.after(_unsubscribe(unit, client, broker, message, topic))


def _unsubscribe(unit: Unit, client: int, broker: Broker, message: int, topic: str) -> Work:
    done = yield from broker.unsubscribe(topic, _patience_ms(unit, client))
    unit.at.urc(f"+QMTUNS: {client},{message},{0 if done else 2}")


def publish(unit: Unit, request: Request) -> Work:
    """AT+QMTPUB=<client>,<message id>,<qos>,<retain>,"<topic>"[,<bytes>]; without a length up to Ctrl-Z."""
    _check_publish(unit, request)
    if request.has(5):
        payload: bytes | None = yield from unit.at.data(
            request.number(5, 1, MAX_PAYLOAD), unit.dialect.prompt
        )
    else:
        payload = yield from unit.at.text_data(unit.dialect.prompt)
    if payload is not None:
        unit.at.after(_publish(unit, request, payload))


def publish_inline(unit: Unit, request: Request) -> None:
    """AT+QMTPUBEX=<client>,<message id>,<qos>,<retain>,"<topic>","<text>": answered like QMTPUB (V1.1)."""
    _check_publish(unit, request)
    payload = request.text(5).encode("latin-1")
    if len(payload) > MAX_INLINE:
        raise Refused(BAD_PARAMETER)
    unit.at.after(_publish(unit, request, payload))


def _check_publish(unit: Unit, request: Request) -> None:
    message, qos = request.number(1, 0, 65_535), request.number(2, 0, 2)
    request.number(3, 0, 1)
    request.text(4)
    if (message == 0) != (qos == 0):
        raise Refused(BAD_PARAMETER)
    if sum(name.startswith(_IN_FLIGHT) for name in unit.volatile) >= WINDOW:
        raise Refused(NOT_ALLOWED)
    _connected_broker(unit, _client(request))


def _publish(unit: Unit, request: Request, payload: bytes) -> Work:
    client, message, qos = _client(request), request.number(1, 0, 65_535), request.number(2, 0, 2)
    retain, patience_ms = request.number(3, 0, 1) == 1, _patience_ms(unit, client)
    broker = unit.brokers.get(client)
    name = "+QMTPUBEX" if request.key == "+QMTPUBEX=" and unit.has("pubex-length") else "+QMTPUB"
    head = f"{name}: {client},{message}"
    turn = f"{_IN_FLIGHT}{client}/{message}"
    _report_repeats(unit, client, turn, f"{head},1")
    done = broker and (yield from broker.publish(request.text(4), payload, qos, retain, patience_ms))
    unit.volatile.pop(turn, None)
    unit.at.urc(f"{head},{0 if done else 2}")


def _report_repeats(unit: Unit, client: int, turn: str, line: str, counted: bool = True) -> None:
    """While `turn` is kept: a line each time the modem sends again, with result 1 and how often so far."""
    unit.volatile[turn] = ""
    unit.tasks.start(_repeats(unit, client, turn, line, counted))


def _repeats(unit: Unit, client: int, turn: str, line: str, counted: bool) -> Work:
    packet_ms = _packet_ms(unit, client)
    for count in range(1, _patience_ms(unit, client) // packet_ms):
        yield unit.env.timeout(packet_ms)
        if turn not in unit.volatile:
            return
        unit.at.urc(f"{line},{count}" if counted else line)


def read_slot(unit: Unit, request: Request) -> None:
    """AT+QMTRECV=<client>,<slot>: a message kept because of recv/mode 1."""
    client, slot = _client(request), request.number(1, 0, SLOTS[-1])
    kept = unit.volatile.pop(f"+QMTRECV/{client}/{slot}", None)
    if kept is not None:
        topic, _, payload = kept.partition("\n")
        _report_message(unit, client, topic, payload.encode("latin-1"))


def disconnect(unit: Unit, request: Request) -> None:
    """AT+QMTDISC=<client>"""
    client = _client(request)
    _connected_broker(unit, client)
    unit.at.after(_close(unit, client, "+QMTDISC"))


def close(unit: Unit, request: Request) -> None:
    """AT+QMTCLOSE=<client>"""
    client = _client(request)
    _open_broker(unit, client)
    unit.at.after(_close(unit, client, "+QMTCLOSE"))


def _close(unit: Unit, client: int, name: str) -> Work:
    broker = unit.brokers.get(client)
    if broker:
        yield from broker.close()
    _forget(unit, client)
    unit.at.urc(f"{name}: {client},0")


def _received(unit: Unit, client: int, topic: str, payload: bytes) -> None:
    """Report a message, or keep it in a slot; with all slots full it is dropped."""
    if value(unit, "+QMTCFG", "recv/mode", client, "0,0")[0] == "0":
        _report_message(unit, client, topic, payload)
        return
    for slot in SLOTS:
        if f"+QMTRECV/{client}/{slot}" not in unit.volatile:
            unit.volatile[f"+QMTRECV/{client}/{slot}"] = f"{topic}\n{payload.decode('latin-1')}"
            unit.at.urc(f"+QMTRECV: {client},{slot}")
            return


def _report_message(unit: Unit, client: int, topic: str, payload: bytes) -> None:
    with_length = value(unit, "+QMTCFG", "recv/mode", client, "0,0")[-1] == "1"
    length = f"{len(payload)}," if with_length else ""
    unit.at.urc(f'+QMTRECV: {client},0,"{topic}",{length}"', payload, '"')


def hung_up(unit: Unit, client: int) -> None:
    unit.sockets.stick(_context(unit, client))
    _stat(unit, client, CLOSED_BY_PEER)


def _stat(unit: Unit, client: int, code: int) -> None:
    _forget(unit, client)
    unit.at.urc(f"+QMTSTAT: {client},{code}")


def _forget(unit: Unit, client: int) -> None:
    broker = unit.brokers.pop(client, None)
    if broker:
        broker.cut()


def _client(request: Request) -> int:
    return request.number(0, CLIENTS[0], CLIENTS[-1])


def _open_broker(unit: Unit, client: int) -> Broker:
    if client not in unit.brokers:
        raise Refused(NOT_ALLOWED)
    return unit.brokers[client]


def _connected_broker(unit: Unit, client: int) -> Broker:
    broker = _open_broker(unit, client)
    if not broker.connected:
        raise Refused(NOT_ALLOWED)
    return broker


def _packet_ms(unit: Unit, client: int) -> int:
    return 1_000 * int(value(unit, "+QMTCFG", "timeout", client, "5")[0])


def _patience_ms(unit: Unit, client: int) -> int:
    """Packet time-out and repeats of QMTCFG "timeout"."""
    seconds, repeats, *_ = *value(unit, "+QMTCFG", "timeout", client, "5,3,0"), "3"
    return 1_000 * int(seconds) * (int(repeats) + 1)


MQTT: Table = {
    "+QMTCFG=": indexed("+QMTCFG", RULES, CLIENTS),
    "+QMTOPEN=": open_client,
    "+QMTOPEN?": list_open,
    "+QMTCONN=": connect,
    "+QMTCONN?": list_connections,
    "+QMTSUB=": subscribe,
    "+QMTUNS=": unsubscribe,
    "+QMTPUB=": publish,
    "+QMTPUBEX=": publish_inline,
    "+QMTRECV=": read_slot,
    "+QMTDISC=": disconnect,
    "+QMTCLOSE=": close,
}
LONG_PUBLISH: Table = {"+QMTPUBEX=": publish}
