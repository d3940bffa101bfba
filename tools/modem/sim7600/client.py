"""SIM7600: the clients of the MQTT service, and how its commands are refused (MQTT(S) note V3.00)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import simpy

from tools.modem.engine.errors import Refused
from tools.modem.engine.request import Request
from tools.modem.link.mqtt import Will

if TYPE_CHECKING:
    from tools.modem.unit import Unit

CLIENTS = 2
MAX_TOPIC, MAX_PAYLOAD, CHUNK = 1_024, 10_240, 1_500
ANSWER_MS = 60_000
"""For CONNACK and SUBACK."""

FAILED, BAD_UTF8, RECEIVE_FAILED, NET_OPEN, INDEX, NO_CONNECTION = 1, 2, 6, 7, 10, 11
PARAMETER, TIMEOUT, NO_TOPIC, CLIENT_USED = 12, 17, 18, 19
NOT_ACQUIRED, NOT_RELEASED, ALREADY_OPEN, NO_CERTIFICATE = 20, 21, 23, 33
REFUSED_BY_BROKER = 26
"""27 to 31 are the return codes 1 to 5 of CONNACK."""


@dataclass
class Client:
    """What AT+CMQTTACCQ has made, with what the next publish will send."""

    name: str
    uses_tls: bool
    context: int | None = None
    checks_utf8: bool = True
    topic: str = ""
    payload: bytes = b""
    unsubscribe: str = ""
    will_topic: str = ""
    will: Will | None = None


class Service:
    """The MQTT service between START and STOP."""

    def __init__(self) -> None:
        self.clients: dict[int, Client] = {}


def running(unit: Unit) -> Service | None:
    """The service; None when it has not been started."""
    return unit.parts.get(Service)


def service_of(unit: Unit) -> Service:
    service = running(unit)
    if service is None:
        raise Refused
    return service


def client_of(unit: Unit, request: Request) -> tuple[int, Client]:
    """The client named first; a line with the error precedes ERROR when it has not been acquired."""
    index = request.number(0, 0, CLIENTS - 1)
    service = running(unit)
    client = service.clients.get(index) if service else None
    if client is None:
        if not unit.has("error-alone"):
            unit.at.info(f"{request.key[:-1]}: {index},{NOT_ACQUIRED}")
        raise Refused
    return index, client


def refuse(unit: Unit, line: str) -> Generator[simpy.Event, Any, None]:
    """The outcome at once, followed by ERROR."""
    if not unit.has("error-alone"):
        unit.at.info(line)
    raise Refused
    yield  # a generator like the work it stands in for
