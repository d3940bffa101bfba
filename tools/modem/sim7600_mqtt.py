"""SIM7600: MQTT (MQTT(S) application note V3.00): start, acquire, configure, connect, and back."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import simpy

from tools.modem.broker import Broker
from tools.modem.engine import Outcome
from tools.modem.errors import Refused
from tools.modem.mqtt import Failure, Login
from tools.modem.request import Request, Table
from tools.modem.settings import checked
from tools.modem.sim7600_files import PROMPT, tls
from tools.modem.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

CLIENTS = 2
MAX_TOPIC, MAX_PAYLOAD, CHUNK = 1_024, 10_240, 1_500
ANSWER_MS = 60_000
"""For CONNACK and SUBACK."""
PDP_CID = 1

FAILED, BAD_UTF8, NET_OPEN, INDEX, NO_CONNECTION = 1, 2, 7, 10, 11
PARAMETER, TIMEOUT, NO_TOPIC, CLIENT_USED = 12, 17, 18, 19
NOT_ACQUIRED, NOT_RELEASED, ALREADY_OPEN, NO_CERTIFICATE = 20, 21, 23, 33
REFUSED_BY_BROKER = 26
"""27 to 31 are the return codes 1 to 5 of CONNACK."""
_FAILURES = {Failure.DNS: 25, Failure.CONNECT: 3, Failure.TLS: 32, Failure.CERTIFICATE: 33}


@dataclass
class Client:
    """What AT+CMQTTACCQ has made, with what the next publish will send."""

    name: str
    uses_tls: bool
    context: int | None = None
    checks_utf8: bool = True
    topic: str = ""
    payload: bytes = b""


class Service:
    """The MQTT service between START and STOP."""

    def __init__(self) -> None:
        self.clients: dict[int, Client] = {}


def start(unit: Unit, request: Request) -> Work:
    """AT+CMQTTSTART: opens the PDP context by itself."""
    if unit.mqtt_service is not None:
        yield from _refuse(unit, f"+CMQTTSTART: {ALREADY_OPEN}")
    yield from unit.at.two_stage("+CMQTTSTART: ", _start(unit))


def _start(unit: Unit) -> Outcome:
    opened = PDP_CID in unit.pdp.address or (yield from unit.pdp.activate(PDP_CID))
    if not opened:
        return NET_OPEN
    unit.mqtt_service = Service()
    return 0


def stop(unit: Unit, request: Request) -> Work:
    """AT+CMQTTSTOP: refused while a client is not released."""
    service = _service(unit)
    if service.clients:
        yield from _refuse(unit, f"+CMQTTSTOP: {NOT_RELEASED}")
    yield from unit.at.two_stage("+CMQTTSTOP: ", _stop(unit))


def _stop(unit: Unit) -> Outcome:
    unit.mqtt_service = None
    yield from unit.pdp.deactivate(PDP_CID)
    return 0


def acquire(unit: Unit, request: Request) -> Work:
    """AT+CMQTTACCQ=<client>,"<client id>"[,<1: TLS>]"""
    service, index = _service(unit), request.number(0, 0, CLIENTS - 1)
    name, use_tls = request.text(1), request.number(2, 0, 1, 0) == 1
    if index in service.clients or not 1 <= len(name) <= 128:
        yield from _refuse(
            unit, f"+CMQTTACCQ: {index},{CLIENT_USED if index in service.clients else PARAMETER}"
        )
    service.clients[index] = Client(name, use_tls)


def release(unit: Unit, request: Request) -> Work:
    """AT+CMQTTREL=<client>: refused while connected."""
    index, _ = _client(unit, request)
    if index in unit.brokers:
        yield from _refuse(unit, f"+CMQTTREL: {index},{NOT_RELEASED}")
    del _service(unit).clients[index]


def use_context(unit: Unit, request: Request) -> None:
    """AT+CMQTTSSLCFG=<client>,<TLS context>; forgotten after a failed CONNECT and after DISC."""
    _, client = _client(unit, request)
    client.context = request.number(1, 0, 9)


def configure(unit: Unit, request: Request) -> None:
    """AT+CMQTTCFG="checkUTF8" or "optimeout",<client>,<value>"""
    key = request.text(0).lower()
    rules = {"checkutf8": range(2), "optimeout": range(20, 121)}
    client = _service(unit).clients.get(request.number(1, 0, CLIENTS - 1))
    if key not in rules or client is None:
        raise Refused
    setting = checked(request, 2, [rules[key]])[0]
    if key == "checkutf8":
        client.checks_utf8 = setting == "1"


def connect(unit: Unit, request: Request) -> Work:
    """AT+CMQTTCONNECT=<client>,"tcp://<host>:<port>",<keepalive>,<clean>[,"<user>","<password>"]"""
    index, client = _client(unit, request)
    url = urlsplit(request.text(1))
    if url.scheme != "tcp" or not url.hostname or url.port is None or index in unit.brokers:
        yield from _refuse(unit, f"+CMQTTCONNECT: {index},{PARAMETER}")
    login = Login(
        client.name,
        request.text(4, ""),
        request.text(5, ""),
        request.number(2, 1, 64_800),
        request.number(3, 0, 1) == 1,
    )
    work = _connect(unit, index, client, (url.hostname or "", url.port or 0), login)
    yield from unit.at.two_stage(f"+CMQTTCONNECT: {index},", work)


def _connect(unit: Unit, index: int, client: Client, address: tuple[str, int], login: Login) -> Outcome:
    secrets = tls(unit, client.context) if client.uses_tls and client.context is not None else None
    if client.uses_tls and secrets is None:
        return NO_CERTIFICATE
    broker = Broker(
        unit,
        lambda topic, payload: _received(unit, index, topic, payload),
        lambda: _connection_lost(unit, index),
    )
    unit.brokers[index] = broker
    failure = yield from broker.open(*address, secrets)
    code = (yield from broker.login(login, ANSWER_MS)) if failure is None else 0
    if failure is None and code == 0:
        return 0
    client.context = None
    _forget(unit, index)
    if failure is not None:
        return _FAILURES[failure]
    return TIMEOUT if code is None else REFUSED_BY_BROKER + code


def set_topic(unit: Unit, request: Request) -> Work:
    """AT+CMQTTTOPIC=<client>,<bytes>"""
    _, client = _client(unit, request)
    data = yield from unit.at.data(request.number(1, 1, MAX_TOPIC), PROMPT)
    client.topic = data.decode("latin-1")


def set_payload(unit: Unit, request: Request) -> Work:
    """AT+CMQTTPAYLOAD=<client>,<bytes>: refused by the UTF-8 check unless that is off."""
    index, client = _client(unit, request)
    data = yield from unit.at.data(request.number(1, 1, MAX_PAYLOAD), PROMPT)
    if client.checks_utf8 and not _is_utf8(data):
        yield from _refuse(unit, f"+CMQTTPAYLOAD: {index},{BAD_UTF8}")
    client.payload = data


def publish(unit: Unit, request: Request) -> Work:
    """AT+CMQTTPUB=<client>,<qos>,<time-out 60 to 180 s>[,<retain>[,<dup>]]"""
    index, client = _client(unit, request)
    qos, limit_s = request.number(1, 0, 2), request.number(2, 60, 180)
    retain = request.number(3, 0, 1, 0) == 1
    broker = unit.brokers.get(index)
    if broker is None or not broker.connected or not client.topic:
        yield from _refuse(unit, f"+CMQTTPUB: {index},{NO_CONNECTION if client.topic else NO_TOPIC}")
        return
    content = (client.topic, client.payload, qos, retain)
    client.topic, client.payload = "", b""
    yield from unit.at.two_stage(f"+CMQTTPUB: {index},", _publish(broker, content, 1_000 * limit_s))


def _publish(broker: Broker, content: tuple[str, bytes, int, bool], limit_ms: int) -> Outcome:
    return 0 if (yield from broker.publish(*content, limit_ms)) else TIMEOUT


def subscribe(unit: Unit, request: Request) -> Work:
    """AT+CMQTTSUB=<client>,<bytes of the topic>,<qos>"""
    index, _ = _client(unit, request)
    count, qos = request.number(1, 1, MAX_TOPIC), request.number(2, 0, 2)
    topic = yield from unit.at.data(count, PROMPT)
    broker = unit.brokers.get(index)
    if broker is None or not broker.connected:
        yield from _refuse(unit, f"+CMQTTSUB: {index},{NO_CONNECTION}")
        return
    yield from unit.at.two_stage(f"+CMQTTSUB: {index},", _subscribe(broker, topic.decode("latin-1"), qos))


def _subscribe(broker: Broker, topic: str, qos: int) -> Outcome:
    granted = yield from broker.subscribe(topic, qos, ANSWER_MS)
    return TIMEOUT if granted is None else FAILED if granted == 128 else 0


def disconnect(unit: Unit, request: Request) -> Work:
    """AT+CMQTTDISC=<client>[,<time-out>]"""
    index, client = _client(unit, request)
    request.number(1, 0, 180, 0)
    if index not in unit.brokers:
        yield from _refuse(unit, f"+CMQTTDISC: {index},{NO_CONNECTION}")
    client.context = None
    yield from unit.at.two_stage(f"+CMQTTDISC: {index},", _disconnect(unit, index))


def _disconnect(unit: Unit, index: int) -> Outcome:
    broker = unit.brokers.get(index)
    if broker:
        yield from broker.close()
    _forget(unit, index)
    return 0


def _received(unit: Unit, index: int, topic: str, payload: bytes) -> None:
    unit.at.urc(f"+CMQTTRXSTART: {index},{len(topic)},{len(payload)}")
    unit.at.urc(f"+CMQTTRXTOPIC: {index},{len(topic)}\r\n", topic.encode("latin-1"))
    for at in range(0, len(payload), CHUNK):
        part = payload[at : at + CHUNK]
        unit.at.urc(f"+CMQTTRXPAYLOAD: {index},{len(part)}\r\n", part)
    unit.at.urc(f"+CMQTTRXEND: {index}")


def _connection_lost(unit: Unit, index: int) -> None:
    _forget(unit, index)
    unit.at.urc(f"+CMQTTCONNLOST: {index},1")


def _forget(unit: Unit, index: int) -> None:
    broker = unit.brokers.pop(index, None)
    if broker:
        broker.cut()


def _service(unit: Unit) -> Service:
    if unit.mqtt_service is None:
        raise Refused
    return unit.mqtt_service


def _client(unit: Unit, request: Request) -> tuple[int, Client]:
    """The client named first; a line with the error precedes ERROR when it has not been acquired."""
    index = request.number(0, 0, CLIENTS - 1)
    client = unit.mqtt_service.clients.get(index) if unit.mqtt_service else None
    if client is None:
        unit.at.info(f"{request.key[:-1]}: {index},{NOT_ACQUIRED}")
        raise Refused
    return index, client


def _refuse(unit: Unit, line: str) -> Generator[simpy.Event, Any, None]:
    """The outcome at once, followed by ERROR."""
    unit.at.info(line)
    raise Refused
    yield  # a generator like the work it stands in for


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


MQTT: Table = {
    "+CMQTTSTART": start,
    "+CMQTTSTOP": stop,
    "+CMQTTACCQ=": acquire,
    "+CMQTTREL=": release,
    "+CMQTTSSLCFG=": use_context,
    "+CMQTTCFG=": configure,
    "+CMQTTCONNECT=": connect,
    "+CMQTTTOPIC=": set_topic,
    "+CMQTTPAYLOAD=": set_payload,
    "+CMQTTPUB=": publish,
    "+CMQTTSUB=": subscribe,
    "+CMQTTDISC=": disconnect,
}
