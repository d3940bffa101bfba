"""SIM7600: MQTT (MQTT(S) application note V3.00): start, acquire, configure, connect, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tools.modem.engine.at import Outcome
from tools.modem.engine.errors import Refused
from tools.modem.engine.request import Request, Table
from tools.modem.engine.settings import checked
from tools.modem.engine.tasks import Work
from tools.modem.link.broker import Broker
from tools.modem.link.dial import Failure
from tools.modem.link.mqtt import Login
from tools.modem.sim7600.client import (
    ALREADY_OPEN,
    ANSWER_MS,
    CHUNK,
    CLIENT_USED,
    CLIENTS,
    NET_OPEN,
    NO_CERTIFICATE,
    NO_CONNECTION,
    NOT_RELEASED,
    PARAMETER,
    RECEIVE_FAILED,
    REFUSED_BY_BROKER,
    TIMEOUT,
    Client,
    Service,
    client_of,
    refuse,
    running,
    service_of,
)
from tools.modem.sim7600.files import tls
from tools.modem.sim7600.messages import MESSAGES
from tools.modem.sim7600.sockets import PDP_CID, is_open

if TYPE_CHECKING:
    from tools.modem.unit import Unit

_FAILURES = {Failure.DNS: 25, Failure.CONNECT: 3, Failure.TLS: 32, Failure.CERTIFICATE: 33}


def start(unit: Unit, request: Request) -> Work:
    """AT+CMQTTSTART: opens the PDP context by itself."""
    if running(unit) is not None:
        index = "0," if unit.has("start-indexed") else ""
        yield from refuse(unit, f"+CMQTTSTART: {index}{ALREADY_OPEN}")
    yield from unit.at.two_stage("+CMQTTSTART: ", _start(unit))


def _start(unit: Unit) -> Outcome:
    opened = PDP_CID in unit.pdp.address or (yield from unit.pdp.activate(PDP_CID))
    if not opened:
        return NET_OPEN
    unit.parts[Service] = Service()
    return 0


def stop(unit: Unit, request: Request) -> Work:
    """AT+CMQTTSTOP: refused while a client is not released."""
    service = service_of(unit)
    if service.clients:
        yield from refuse(unit, f"+CMQTTSTOP: {NOT_RELEASED}")
    yield from unit.at.two_stage("+CMQTTSTOP: ", _stop(unit))


def _stop(unit: Unit) -> Outcome:
    unit.parts.pop(Service, None)
    if is_open(unit):
        yield unit.pause(100, 600)
    else:
        yield from unit.pdp.deactivate(PDP_CID)
    return 0


def acquire(unit: Unit, request: Request) -> Work:
    """AT+CMQTTACCQ=<client>,"<client id>"[,<1: TLS>]"""
    service, index = service_of(unit), request.number(0, 0, CLIENTS - 1)
    name, use_tls = request.text(1), request.number(2, 0, 1, 0) == 1
    if index in service.clients or not 1 <= len(name) <= 128:
        yield from refuse(
            unit, f"+CMQTTACCQ: {index},{CLIENT_USED if index in service.clients else PARAMETER}"
        )
    service.clients[index] = Client(name, use_tls)


def release(unit: Unit, request: Request) -> Work:
    """AT+CMQTTREL=<client>: refused while connected."""
    index, _ = client_of(unit, request)
    if index in unit.brokers:
        yield from refuse(unit, f"+CMQTTREL: {index},{NOT_RELEASED}")
    del service_of(unit).clients[index]


def use_context(unit: Unit, request: Request) -> None:
    """AT+CMQTTSSLCFG=<client>,<TLS context>; forgotten after a failed CONNECT and after DISC."""
    _, client = client_of(unit, request)
    client.context = request.number(1, 0, 9)


def configure(unit: Unit, request: Request) -> None:
    """AT+CMQTTCFG="checkUTF8" or "optimeout",<client>,<value>"""
    key = request.text(0).lower()
    rules = {"checkutf8": range(2), "optimeout": range(20, 121)}
    client = service_of(unit).clients.get(request.number(1, 0, CLIENTS - 1))
    if key not in rules or client is None:
        raise Refused
    setting = checked(request, 2, [rules[key]])[0]
    if key == "checkutf8":
        client.checks_utf8 = setting == "1"


def connect(unit: Unit, request: Request) -> Work:
    """AT+CMQTTCONNECT=<client>,"tcp://<host>:<port>",<keepalive>,<clean>[,"<user>","<password>"]"""
    index, client = client_of(unit, request)
    url = urlsplit(request.text(1))
    if url.scheme != "tcp" or not url.hostname or url.port is None or index in unit.brokers:
        yield from refuse(unit, f"+CMQTTCONNECT: {index},{PARAMETER}")
    login = Login(
        client.name,
        request.text(4, ""),
        request.text(5, ""),
        request.number(2, 1, 64_800),
        request.number(3, 0, 1) == 1,
        client.will,
    )
    work = _connect(unit, index, client, (url.hostname or "", url.port or 0), login)
    yield from unit.at.two_stage(f"+CMQTTCONNECT: {index},", work)


def _connect(unit: Unit, index: int, client: Client, address: tuple[str, int], login: Login) -> Outcome:
    secrets = tls(unit, client.context) if client.uses_tls and client.context is not None else None
    if client.uses_tls and secrets is None:
        return NO_CERTIFICATE
    if unit.sockets.refused(PDP_CID):
        return PARAMETER
    if unit.has("mqtt-broken"):
        yield unit.pause(2_000, 9_000)
        client.context = None
        return RECEIVE_FAILED
    broker = Broker(
        unit,
        lambda topic, payload: _received(unit, index, topic, payload),
        lambda: connection_lost(unit, index),
        lambda: _ping_unanswered(unit, index),
    )
    unit.brokers[index] = broker
    failure = yield from broker.open(*address, secrets, PDP_CID)
    code = (yield from broker.login(login, ANSWER_MS)) if failure is None else 0
    if failure is None and code == 0:
        return 0
    client.context = None
    _forget(unit, index)
    if failure is not None:
        return _FAILURES[failure]
    return TIMEOUT if code is None else REFUSED_BY_BROKER + code


def disconnect(unit: Unit, request: Request) -> Work:
    """AT+CMQTTDISC=<client>[,<time-out>]"""
    index, client = client_of(unit, request)
    request.number(1, 0, 180, 0)
    if index not in unit.brokers:
        yield from refuse(unit, f"+CMQTTDISC: {index},{NO_CONNECTION}")
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


def connection_lost(unit: Unit, index: int) -> None:
    unit.sockets.stick(PDP_CID)
    _forget(unit, index)
    unit.at.urc(f"+CMQTTCONNLOST: {index},1")


def _ping_unanswered(unit: Unit, index: int) -> None:
    """The client stays connected by name: it must be disconnected and connected again."""
    unit.at.urc(f"+CMQTTPING: {index},{TIMEOUT}")
    if not unit.radio.registered():
        unit.at.urc("+CMQTTNONET")


def _forget(unit: Unit, index: int) -> None:
    broker = unit.brokers.pop(index, None)
    if broker:
        broker.cut()


MQTT: Table = {
    **MESSAGES,
    "+CMQTTSTART": start,
    "+CMQTTSTOP": stop,
    "+CMQTTACCQ=": acquire,
    "+CMQTTREL=": release,
    "+CMQTTSSLCFG=": use_context,
    "+CMQTTCFG=": configure,
    "+CMQTTCONNECT=": connect,
    "+CMQTTDISC=": disconnect,
}
