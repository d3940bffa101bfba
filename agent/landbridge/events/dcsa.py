"""Events as DCSA's standards for IoT and Track & Trace have them (event domain 3.2): pure translation.

What has no place there is left out: a platform that wants it all reads the topics, the webhooks or
/v1/events."""

import uuid
from collections.abc import Mapping
from typing import Any

PUBLISHER = {"partyName": "Landbridge"}
_SPACE = uuid.UUID("5b1f43b8-7c0c-5d1e-9d52-6f1d5d1f0a11")
"""Of the ids of events: the same event has the same id, whoever makes it."""
_DOOR = {"eventType": "IOT", "iotEventTypeCode": "DETC", "iotEventCode": "DRO"}


def event(told: Mapping[str, Any]) -> dict[str, Any] | None:
    """The DCSA event of a message of event.schema.json; None: they have no such event, or no container
    rides."""
    payload = _payload(told)
    if payload is None or told["container"] is None or told["time"] is None:
        return None
    metadata: dict[str, Any] = {
        "eventID": event_id(told["event"], told["id"]),
        # A message that lay in the outbox before an update does not say when it was told.
        "eventCreatedDateTime": told.get("published", told["received"]),
        "eventType": payload.pop("eventType"),
        "publisher": PUBLISHER,
    }
    if told["type"] == "retraction" and "replaces" in told:
        metadata["retractedEventID"] = event_id(told["replaces"], told["retracts"])
    elif "replaces" in told:
        metadata["retractedEventID"] = event_id(told["replaces"], told["id"])
    common = {
        "eventClassifierCode": payload.pop("eventClassifierCode", "ACT"),
        "eventDateTime": payload.pop("eventDateTime", told["time"]),
        "equipmentReference": told["container"],
    }
    place = {}
    if told["latitude"] is not None:
        degrees = {name: f"{told[name]:.5f}" for name in ("latitude", "longitude")}
        place = {"geoLocation": degrees}
    return {"metadata": metadata, "payload": common | payload | place}


def event_id(number: int, name: str) -> str:
    """The UUID of what was told as event `number` under the id `name`."""
    return str(uuid.uuid5(_SPACE, f"{number}/{name}"))


def _payload(told: Mapping[str, Any]) -> dict[str, Any] | None:
    """What it is in their codes; a retraction is of the type of what it takes back."""
    kind = told["was"] if told["type"] == "retraction" else told["type"]
    if kind == "alarm" and told.get("alarm") == "light":
        return dict(_DOOR)
    if kind == "border":
        return {"eventType": "EQUIPMENT", "equipmentEventTypeCode": "CROS"}
    if kind == "geofence" and told.get("action") in ("enter", "leave"):
        code = "GTIN" if told["action"] == "enter" else "GTOT"
        return {"eventType": "EQUIPMENT", "equipmentEventTypeCode": code, "facility": told.get("geofence")}
    if kind in ("arrival", "departure"):
        code = "ARRI" if kind == "arrival" else "DEPA"
        return {"eventType": "TRANSPORT", "transportEventTypeCode": code, "modeOfTransport": "RAIL"}
    if kind == "eta" and told.get("likely"):
        expected = {"eventClassifierCode": "EST", "eventDateTime": told["likely"]}
        arrives = {"transportEventTypeCode": "ARRI", "modeOfTransport": "RAIL"}
        return {"eventType": "TRANSPORT"} | arrives | expected
    return None
