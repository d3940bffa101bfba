"""A network that counts the traffic over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho

from tools.modem.link.mqtt import LockStepNetwork, MqttLink


@dataclass
class Traffic:
    """Connections made, and bytes of MQTT payload in both directions."""

    connections: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


class CountedLink(MqttLink):
    """A link that adds to `traffic` and says so before it publishes."""

    traffic: Traffic
    before_publish: Callable[[], None]

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """As `MqttLink.publish`."""
        self.before_publish()
        self.traffic.bytes_up += len(payload)
        super().publish(topic, payload, qos, retain)

    def _on_message(self, client: Any, user: Any, message: paho.MQTTMessage) -> None:
        self.traffic.bytes_down += len(message.payload)
        super()._on_message(client, user, message)


class CountedNetwork(LockStepNetwork):
    """A `LockStepNetwork` that keeps count in `traffic`, and reports when the device is about to publish."""

    traffic: Traffic
    before_publish: Callable[[], None]

    def link(self) -> MqttLink:
        """A fresh link."""
        self.traffic.connections += 1
        link = CountedLink(lambda host, port: self._hosts.get(host, (host, port)))
        link.traffic, link.before_publish = self.traffic, self.before_publish
        return link
