"""Examples of bodies and answers, made from their schema and typical values of each field."""

import re
from typing import Any

Json = dict[str, Any]
_TIME = "2026-10-01T08:00:00Z"
VALUES: Json = {
    "address": "https://erp.example/hooks/landbridge",
    "alarm": "light",
    "apn": "iot",
    "board": "ESP32-BG95",
    "by": "token erp",
    "code": "LPA:1$smdp.example$04386-AGYFT-A74Y8-3F815",
    "container": "CSQU3054383",
    "controls": "resold",
    "country": "CN",
    "cursor": None,
    "day": "2026-10-01T00:00:00Z",
    "destination": "Duisburg",
    "detail": "no device lb-0009; GET /v1/devices lists them",
    "device": "lb-0001",
    "did": "position due",
    "eid": "89049032123451234512345678901235",
    "holder": "ACME Rail",
    "iccid": "8986001234567890123",
    "imei": "861234567890123",
    "imsi": "460001234567890",
    "kind": "webhook",
    "language": "en",
    "lat": 29.63,
    "lon": 106.39,
    "latitude": 29.63,
    "length": "30d",
    "longitude": 106.39,
    "lowest": 60,
    "month": "2026-10",
    "name": "duisburg",
    "next": None,
    "noun": "trip",
    "path": "/s/5mW0cV3Zk1Qx",
    "profile": "cis",
    "purpose": "tracker",
    "provider": "Example Mobile",
    "references": {"order": "4711"},
    "revision": 842_000_001,
    "role": "operator",
    "route": "chongqing-duisburg",
    "server": "smdp.example",
    "severity": "major",
    "slept": "planned",
    "source": "agent",
    "state": "open",
    "subject": "12",
    "tag": "frozen",
    "tags": ["frozen"],
    "tenant": "acme",
    "verb": "locate",
    "version": "1.2.0",
    "what": "trip 12 added",
    "who": "token erp",
}
"""By the name of a field; used where the schema of the field allows it."""
_TIMES = {
    "acknowledged", "added", "begun", "changed", "cleared", "created", "earliest", "ended", "ends", "expires",
    "from", "given", "last", "last_session", "latest", "made", "next_session", "ordered", "removed",
    "reported", "result_of", "revoked", "sent", "set", "since", "started", "stationary_until", "time",
    "until",
}  # fmt: skip
_SHAPED = (
    _TIME,
    "CN",
    "CSQU3054383",
    "lb-0001/17",
    "lb-0001/17/stop",
    "3f2504e0-4f89-51d3-9a0c-0305e82c3301",
)
"""Texts for patterns: of times and of ids."""
_DEPTH = 12


def example(schema: Json, schemas: Json, name: str = "", depth: int = 0) -> Any:
    """Return a value that the schema describes; `schemas` are those that it may refer to."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas, name, depth)
    for given in (*schema.get("examples", ()), schema.get("const"), *schema.get("enum", ())):
        if given is not None:
            return given
    alternatives = schema.get("anyOf") or schema.get("oneOf") or []
    if depth > _DEPTH or (name == "next" and {"type": "null"} in alternatives):
        return None
    if alternatives:
        return example(alternatives[0], schemas, name, depth)
    return schema.get("default") or _of_type(schema, schemas, name, depth)


def _of_type(schema: Json, schemas: Json, name: str, depth: int) -> Any:
    kind, given = schema.get("type"), VALUES.get(name)
    match kind[0] if isinstance(kind, list) else kind:
        case "array":
            parts = schema.get("prefixItems") or [schema[key] for key in ("items",) if key in schema]
            given = given if isinstance(given, list) else None
            return given or [example(each, schemas, name, depth + 1) for each in parts]
        case "object":
            return _object(schema, schemas, name, depth)
        case "string":
            return _text(schema, name)
        case "integer" | "number":
            return given if isinstance(given, int | float) else _number(schema)
    return {"boolean": False, "null": None}.get(str(kind), given)


def _object(schema: Json, schemas: Json, name: str, depth: int) -> Any:
    if "properties" in schema:
        return {key: example(each, schemas, key, depth + 1) for key, each in schema["properties"].items()}
    if isinstance(given := VALUES.get(name), dict):
        return given
    more = schema.get("additionalProperties")
    return {"light_lux": example(more, schemas, "", depth + 1)} if isinstance(more, dict) else {}


def _number(schema: Json) -> int:
    return int(schema.get("minimum", min(1, schema.get("maximum", 1))))


def _text(schema: Json, name: str) -> str:
    given = VALUES.get(name)
    usual = _TIME if name in _TIMES or schema.get("format") == "date-time" else "text"
    for each in (given, usual, *_SHAPED):
        if not isinstance(each, str) or len(each) > schema.get("maxLength", len(each)):
            continue
        if re.search(schema.get("pattern", ""), each):
            return each
    return usual
