"""Home Assistant discovers devices by one retained message each (MQTT discovery); they use the usual
topics."""

import json
from typing import Any

from landbridge.core.names import OPERATOR
from landbridge.events.publisher import Publish
from landbridge.events.queries.outbox import OutboxMessage
from landbridge.events.topics import POSITION

_POSITION = f"/{POSITION}"
_MILLIVOLTS = {"device_class": "voltage", "unit_of_measurement": "mV", "entity_category": "diagnostic"}
_CELSIUS = {"device_class": "temperature", "unit_of_measurement": "°C"}
_SENSORS: dict[str, dict[str, Any]] = {"battery_mv": _MILLIVOLTS, "temperature_c": _CELSIUS}


def announcing(publish: Publish, prefix: str) -> Publish:
    """Return a `publish` that announces each device to Home Assistant with its first position since the agent
    started, and removes it with that position; without `prefix`, `publish` itself."""
    if not prefix:
        return publish
    announced_topics: set[str] = set()

    def announced(message: OutboxMessage) -> Any:
        if message.topic.endswith(_POSITION):
            found = discovered(prefix, message.topic)
            if not message.payload:
                announced_topics.discard(message.topic)
                for topic, _ in found:
                    publish(message._replace(topic=topic))
            elif message.topic not in announced_topics or message.what is None:  # the broker has lost it
                announced_topics.add(message.topic)
                for topic, content in found:
                    payload = json.dumps(content, separators=(",", ":")).encode()
                    publish(message._replace(topic=topic, payload=payload))
        return publish(message)

    return announced


def discovered(prefix: str, position: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (topic, content) that makes Home Assistant show a device whose retained positions are on
    `position`."""
    _, _, tenant, device, _ = position.split("/")
    name = f"landbridge_{tenant}_{device}"
    shown = device if tenant == OPERATOR else f"{device} ({tenant})"
    of_device = {"identifiers": [name], "name": shown, "manufacturer": "Landbridge"}
    usual = {"device": of_device, "origin": {"name": "Landbridge"}}
    tracker = {
        "unique_id": name, "name": None, "source_type": "gps", "json_attributes_topic": position,
    }  # fmt: skip
    found = [(f"{prefix}/device_tracker/{name}/config", usual | tracker)]
    for key, kind in _SENSORS.items():
        sensor = {
            "unique_id": f"{name}_{key}", "name": key.split("_")[0], "state_topic": position,
            "value_template": f"{{{{ value_json.{key} }}}}", "state_class": "measurement",
        }  # fmt: skip
        found.append((f"{prefix}/sensor/{name}_{key}/config", usual | kind | sensor))
    return found
