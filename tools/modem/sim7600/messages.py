"""SIM7600: topics, payloads and what is done with them (MQTT(S) application note V3.00)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.at import Outcome
from tools.modem.engine.request import Request, Table
from tools.modem.engine.tasks import Work
from tools.modem.link.broker import Broker
from tools.modem.link.mqtt import Will
from tools.modem.sim7600.client import (
    ANSWER_MS,
    BAD_UTF8,
    FAILED,
    MAX_PAYLOAD,
    MAX_TOPIC,
    NO_CONNECTION,
    NO_TOPIC,
    TIMEOUT,
    client_of,
    refuse,
)

if TYPE_CHECKING:
    from tools.modem.unit import Unit


def set_topic(unit: Unit, request: Request) -> Work:
    """AT+CMQTTTOPIC=<client>,<bytes>"""
    _, client = client_of(unit, request)
    data = yield from unit.at.data(request.number(1, 1, MAX_TOPIC), unit.dialect.prompt)
    client.topic = data.decode("latin-1")


def set_will_topic(unit: Unit, request: Request) -> Work:
    """AT+CMQTTWILLTOPIC=<client>,<bytes>"""
    _, client = client_of(unit, request)
    data = yield from unit.at.data(request.number(1, 1, MAX_TOPIC), unit.dialect.prompt)
    client.will_topic = data.decode("latin-1")


def set_will(unit: Unit, request: Request) -> Work:
    """AT+CMQTTWILLMSG=<client>,<bytes>,<qos>: after its topic"""
    index, client = client_of(unit, request)
    count, qos = request.number(1, 1, MAX_PAYLOAD), request.number(2, 0, 2)
    if not client.will_topic:
        yield from refuse(unit, f"+CMQTTWILLMSG: {index},{NO_TOPIC}")
    data = yield from unit.at.data(count, unit.dialect.prompt)
    client.will = Will(client.will_topic, data, qos)


def set_unsubscribe(unit: Unit, request: Request) -> Work:
    """AT+CMQTTUNSUBTOPIC=<client>,<bytes>"""
    _, client = client_of(unit, request)
    data = yield from unit.at.data(request.number(1, 1, MAX_TOPIC), unit.dialect.prompt)
    client.unsubscribe = data.decode("latin-1")


def unsubscribe(unit: Unit, request: Request) -> Work:
    """AT+CMQTTUNSUB=<client>,<0: the topic given before>, or <client>,<bytes>,<dup> with a prompt"""
    index, client = client_of(unit, request)
    if request.number(1, 0, MAX_TOPIC):
        data = yield from unit.at.data(request.number(1, 1, MAX_TOPIC), unit.dialect.prompt)
        client.unsubscribe = data.decode("latin-1")
    broker, topic = unit.brokers.get(index), client.unsubscribe
    if broker is None or not broker.connected or not topic:
        yield from refuse(unit, f"+CMQTTUNSUB: {index},{NO_CONNECTION if topic else NO_TOPIC}")
        return
    client.unsubscribe = ""
    yield from unit.at.two_stage(f"+CMQTTUNSUB: {index},", _unsubscribe(broker, topic))


def _unsubscribe(broker: Broker, topic: str) -> Outcome:
    return 0 if (yield from broker.unsubscribe(topic, ANSWER_MS)) else TIMEOUT


def set_payload(unit: Unit, request: Request) -> Work:
    """AT+CMQTTPAYLOAD=<client>,<bytes>: refused by the UTF-8 check unless that is off."""
    index, client = client_of(unit, request)
    data = yield from unit.at.data(request.number(1, 1, MAX_PAYLOAD), unit.dialect.prompt)
    if client.checks_utf8 and not _is_utf8(data):
        yield from refuse(unit, f"+CMQTTPAYLOAD: {index},{BAD_UTF8}")
    client.payload = data


def publish(unit: Unit, request: Request) -> Work:
    """AT+CMQTTPUB=<client>,<qos>,<time-out 60 to 180 s>[,<retain>[,<dup>]]"""
    index, client = client_of(unit, request)
    qos, limit_s = request.number(1, 0, 2), request.number(2, 60, 180)
    retain = request.number(3, 0, 1, 0) == 1
    broker = unit.brokers.get(index)
    if broker is None or not broker.connected or not client.topic:
        yield from refuse(unit, f"+CMQTTPUB: {index},{NO_CONNECTION if client.topic else NO_TOPIC}")
        return
    content = (client.topic, client.payload, qos, retain)
    client.topic, client.payload = "", b""
    yield from unit.at.two_stage(f"+CMQTTPUB: {index},", _publish(broker, content, 1_000 * limit_s))


def _publish(broker: Broker, content: tuple[str, bytes, int, bool], limit_ms: int) -> Outcome:
    return 0 if (yield from broker.publish(*content, limit_ms)) else TIMEOUT


def subscribe(unit: Unit, request: Request) -> Work:
    """AT+CMQTTSUB=<client>,<bytes of the topic>,<qos>"""
    index, _ = client_of(unit, request)
    count, qos = request.number(1, 1, MAX_TOPIC), request.number(2, 0, 2)
    topic = yield from unit.at.data(count, unit.dialect.prompt)
    broker = unit.brokers.get(index)
    if broker is None or not broker.connected:
        yield from refuse(unit, f"+CMQTTSUB: {index},{NO_CONNECTION}")
        return
    yield from unit.at.two_stage(f"+CMQTTSUB: {index},", _subscribe(broker, topic.decode("latin-1"), qos))


def _subscribe(broker: Broker, topic: str, qos: int) -> Outcome:
    granted = yield from broker.subscribe(topic, qos, ANSWER_MS)
    return TIMEOUT if granted is None else FAILED if granted == 128 else 0


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


MESSAGES: Table = {
    "+CMQTTTOPIC=": set_topic,
    "+CMQTTPAYLOAD=": set_payload,
    "+CMQTTPUB=": publish,
    "+CMQTTWILLTOPIC=": set_will_topic,
    "+CMQTTWILLMSG=": set_will,
    "+CMQTTSUB=": subscribe,
    "+CMQTTUNSUBTOPIC=": set_unsubscribe,
    "+CMQTTUNSUB=": unsubscribe,
}
