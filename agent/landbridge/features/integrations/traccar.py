"""Points for Traccar by the OsmAnd protocol: one request for each fix, with its time, so that late ones are
sorted in.

The device must be known to Traccar under its id here; until then it refuses, and the points wait.
"""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from landbridge.core.http import HttpClient
from landbridge.events.queries.outbox import OutboxMessage

_KMH_IN_KNOTS = 1 / 1.852
_FIELDS = {
    "battery_mv": "batteryMillivolts", "temperature_c": "temperature", "satellites": "sat",
    "container": "container", "trip": "trip", "seq": "index",
}  # fmt: skip
"""Properties of a point, by the name of Traccar's attribute."""


def send(client: HttpClient, message: OutboxMessage) -> None:
    """Deliver the fixes of a batch; Traccar cannot use points without a position or a time."""
    for feature in json.loads(message.payload)["features"]:
        if feature["geometry"] and feature["properties"]["time"]:
            client.post(b"", {}, urlencode(parameters(feature)))


def parameters(feature: dict[str, Any]) -> dict[str, Any]:
    """What OsmAnd's protocol calls the parts of a point; speed is in knots, time in Unix seconds."""
    lon, lat, altitude_m = feature["geometry"]["coordinates"]
    properties = feature["properties"]
    found = {
        "id": properties["device"],
        "timestamp": int(datetime.fromisoformat(properties["time"]).timestamp()),
        "lat": lat,
        "lon": lon,
        "altitude": altitude_m,
        "speed": round((properties["speed_kmh"] or 0) * _KMH_IN_KNOTS, 2),
        "bearing": properties["heading_deg"],
        "hdop": properties["hdop"],
        "valid": "false" if properties["quality_flags"] else "true",
    }
    found |= {name: properties[key] for key, name in _FIELDS.items()}
    if properties["plmn"]:
        mcc, mnc = divmod(properties["plmn"], 1000)
        found["cell"] = (
            f"{mcc},{mnc},{properties['tac']},{properties['cell']},{properties['rsrp_dbm'] or ''}".rstrip(",")
        )
    return {name: value for name, value in found.items() if value is not None}
