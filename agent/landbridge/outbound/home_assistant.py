"""Home Assistant finds devices by a retained message each (MQTT discovery); their topics are those of
everybody."""

import json
from typing import Any

from landbridge.outbound.sender import Publish
from landbridge.store.outbox import Posted

_MILLIVOLTS = {"device_class": "voltage", "unit_of_measurement": "mV", "entity_category": "diagnostic"}
_CELSIUS = {"device_class": "temperature", "unit_of_measurement": "°C"}
_SENSORS: dict[str, dict[str, Any]] = {"battery_mv": _MILLIVOLTS, "temperature_c": _CELSIUS}


def announcing(publish: Publish, prefix: str) -> Publish:
    """`publish` that tells Home Assistant of each device with its first position since the agent began;
    without
    `prefix`, `publish` itself."""
    if not prefix:
        return publish
    told: set[str] = set()

    def announced(message: Posted) -> Any:
        if message.what == "position" and message.payload and message.topic not in told:
            told.add(message.topic)
            for topic, content in discovered(prefix, message.topic, message.device or ""):
                payload = json.dumps(content, separators=(",", ":")).encode()
                publish(message._replace(topic=topic, payload=payload, retain=True))
        return publish(message)

    return announced


def discovered(prefix: str, position: str, device: str) -> list[tuple[str, dict[str, Any]]]:
    """(topic, content) of what makes Home Assistant show a device whose retained positions lie on
    `position`."""
    tenant = position.split("/")[2]
    name = f"landbridge_{tenant}_{device}"
    of_device = {"identifiers": [name], "name": device, "manufacturer": "Landbridge"}
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
