"""Translates events to DCSA's standards for IoT (event domain 3.2) and Track & Trace (3.0). Events without
an equivalent are left out; platforms get them from the topics, webhooks or /v1/events."""

import uuid
from collections.abc import Mapping
from typing import Any

_PARTY = "Landbridge"
_ROLE = "SVP"
"""Service partner: the other roles of Track & Trace are carrier, agent and vessel sharing partner."""
_LADEN = "LADEN"
"""A trip carries cargo."""
_LONGEST_REFERENCE = 100
_SPACE = uuid.UUID("5b1f43b8-7c0c-5d1e-9d52-6f1d5d1f0a11")
"""Namespace of event ids: the same event has the same id on every agent."""
_DOOR = {"eventType": "IOT", "iotEventTypeCode": "DETC", "iotEventCode": "DRO"}


def event(message: Mapping[str, Any], carrier: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the DCSA event of a message of event.schema.json, published for a `carrier` (its code and the
    list that it is from, or nothing); None if DCSA has no such event, or the trip has no container. A
    retraction has no payload."""
    payload = _payload(message)
    if payload is None or message["container"] is None or message["time"] is None:
        return None
    metadata: dict[str, Any] = {
        "eventID": event_id(message["event"], message["id"]),
        # A message from before an update has no time of publication.
        "eventCreatedDateTime": message.get("published", message["received"]),
        "eventType": payload.pop("eventType"),
        "publisher": {"partyName": _PARTY, **carrier},
        "publisherRole": _ROLE,
    }
    if message["type"] == "retraction":
        if "replaces" not in message:
            return None  # what it retracts was never published
        # In the standard a retraction is what has no payload: with one it replaces.
        return {
            "metadata": metadata | {"retractedEventID": event_id(message["replaces"], message["retracts"])}
        }
    if "replaces" in message:
        metadata["retractedEventID"] = event_id(message["replaces"], message["id"])
    common = {
        "eventClassifierCode": payload.pop("eventClassifierCode", "ACT"),
        "eventDateTime": payload.pop("eventDateTime", message["time"]),
    }
    kind = metadata["eventType"]
    whole = common | payload | _equipment(message["container"], kind) | _place(message, kind)
    return {"metadata": metadata, "payload": whole}


def _equipment(container: str, kind: str) -> dict[str, Any]:
    """Return the container: a transport event only refers to it."""
    if kind == "TRANSPORT":
        return {"references": [{"type": "EQ", "value": container}]}
    return {"equipmentReference": container} | ({"emptyIndicatorCode": _LADEN} if kind == "EQUIPMENT" else {})


def _place(message: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return where it was: of the IoT standard a position, of Track & Trace a transport call."""
    degrees = {}
    if message["latitude"] is not None:
        degrees = {name: f"{message[name]:.5f}" for name in ("latitude", "longitude")}
    if kind == "IOT":
        return {"geoLocation": degrees} if degrees else {}
    call: dict[str, Any] = {"transportCallReference": _call(message), "modeOfTransport": "RAIL"}
    name = message.get("geofence") or message.get("place")
    if degrees and not _is_expected(message):
        call["location"] = {"locationType": "GEOL"} | ({"locationName": name} if name else {}) | degrees
    return {"transportCall": call}


def _call(message: Mapping[str, Any]) -> str:
    """Return the reference of a call: the arrival at the end of a trip has that of its ETA."""
    if _is_expected(message) or _kind(message) == "arrival":
        name = "destination"
    elif _kind(message) == "border":
        name = f"{message['from']}-{message['to']}"
    else:
        name = message.get("geofence") or message.get("place") or str(message["seq"])
    return f"{message['trip']}-{name}"[:_LONGEST_REFERENCE]


def _is_expected(message: Mapping[str, Any]) -> bool:
    """Whether it is an ETA: its position is where the container is, not where it will arrive."""
    return _kind(message) == "eta"


def _kind(message: Mapping[str, Any]) -> str:
    """Return the type of an event; of a retraction that of the event which it retracts."""
    return str(message["was"] if message["type"] == "retraction" else message["type"])


def event_id(number: int, name: str) -> str:
    """Return the UUID of event `number`, published under the id `name`."""
    return str(uuid.uuid5(_SPACE, f"{number}/{name}"))


def _payload(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the DCSA codes of an event."""
    kind = _kind(message)
    if kind == "alarm" and message.get("alarm") == "light":
        return dict(_DOOR)
    if kind == "border":
        return {"eventType": "EQUIPMENT", "equipmentEventTypeCode": "CROS"}
    if kind == "geofence" and message.get("action") in ("enter", "leave"):
        code = "GTIN" if message["action"] == "enter" else "GTOT"
        return {"eventType": "EQUIPMENT", "equipmentEventTypeCode": code}
    if kind in ("arrival", "departure"):
        code = "ARRI" if kind == "arrival" else "DEPA"
        return {"eventType": "TRANSPORT", "transportEventTypeCode": code}
    if kind == "eta" and message.get("likely"):
        expected = {"eventClassifierCode": "EST", "eventDateTime": message["likely"]}
        return {"eventType": "TRANSPORT", "transportEventTypeCode": "ARRI"} | expected
    return None
