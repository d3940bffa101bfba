"""Webhooks, DCSA, Traccar, Home Assistant: each gets what its protocol says."""

import hashlib
import hmac
import json
import re
import runpy
import time
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from jsonschema import Draft202012Validator, ValidationError
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db.keys import Keyring
from landbridge.events import dcsa
from landbridge.events.queries import outbox
from landbridge.events.queries.outbox import OutboxMessage, numbered_message
from landbridge.events.topics import no_position
from landbridge.features.integrations import home_assistant, traccar, webhook
from landbridge.features.integrations import rules as fleet
from landbridge.features.integrations.kinds import KINDS

from host_tests.support.agent import point, wait_until
from host_tests.support.fleet import FIRST, NOW_S, SECOND, Got, Receiver, at
from host_tests.support.trips import BEGIN_S, HOUR_S

PROTOCOL = Path(__file__).parents[2] / "docs" / "reference"


def test_a_webhook_is_signed_and_comes_in_order_whatever_the_receiver_does(bound, receiver):
    secret = bound.add("erp", receiver.url, "webhook", None, "event", "position")
    asked = 0

    def unreliable(_: Got) -> int:
        nonlocal asked
        asked += 1
        return 503 if asked % 3 else 204

    receiver.answer = unreliable
    bound.published()
    with bound.delivering():
        for hour in range(1, 5):
            bound.deliver(at(hour, events=1))
        wait_until(lambda: len(receiver.taken) >= 8, "all messages")
        bound.published()
        wait_until(lambda: not bound.left(), "an empty outbox")
    assert receiver.refused, "it was never away"
    assert receiver.alarms() == [(FIRST, seq) for seq in (1, 2, 3, 4)]
    assert [each["seq"] for each in receiver.contents() if "type" not in each] == [1, 2, 3, 4]
    is_genuine = runpy.run_path(str(PROTOCOL / "webhook.py"))["is_genuine"]
    spelled = webhook.spelled(secret)
    for each in receiver.taken:
        assert is_genuine(spelled, each.headers, each.body, time.time())
        assert not is_genuine(spelled, each.headers, each.body + b" ", time.time())
        assert not is_genuine(spelled, each.headers, each.body, time.time() + webhook.TOLERANCE_S + 60)
        assert not is_genuine(spelled, each.headers | {"webhook-id": "msg_0"}, each.body, time.time())
    ids = [each.headers["webhook-id"] for each in receiver.taken]
    assert len(set(ids)) == len(ids)


def test_traccar_gets_each_fix_with_its_time(bound, receiver):
    bound.add("map", f"{receiver.url}?token=X", "traccar")
    bound.deliver(at(1, speed=100), at(2, kind=2), at(3, quality=0), device=SECOND)
    bound.published()
    with bound.delivering():
        wait_until(lambda: receiver.taken and not bound.left(), "the fix")
    (got,) = receiver.taken
    asked = {name: values[0] for name, values in parse_qs(urlsplit(got.path).query).items()}
    assert asked["id"] == SECOND and asked["token"] == "X"
    assert int(asked["timestamp"]) == 946_684_800 + BEGIN_S + HOUR_S
    assert (asked["lat"], asked["lon"], asked["speed"]) == ("29.56301", "106.55156", "54.0")
    assert asked["valid"] == "true"
    cell = traccar.parameters({"geometry": {"coordinates": [1, 2, 3]}, "properties": _properties()})["cell"]
    assert cell == "460,0,1234,5678,-90"


def _properties() -> dict[str, Any]:
    usual = dict.fromkeys(
        ("heading_deg", "hdop", "satellites", "container", "trip", "speed_kmh", "battery_mv", "temperature_c")
    )
    answered = {
        "device": "d",
        "time": iso(NOW_S),
        "plmn": 460_000,
        "tac": 1234,
        "cell": 5678,
        "rsrp_dbm": -90,
    }
    return usual | answered | {"seq": 1, "quality_flags": []}


def test_a_webhook_may_have_two_secrets_and_each_verifies(bound, receiver):
    old = bound.add("erp", receiver.url, "webhook", None, "event")
    with bound.database.writing() as connection:
        new = fleet.rotate(connection, bound.keyring, fleet.known(connection, "erp"))
        with pytest.raises(UserError, match="two secrets"):
            fleet.rotate(connection, bound.keyring, fleet.known(connection, "erp"))
    bound.deliver(at(1, events=1))
    with bound.delivering():
        wait_until(lambda: receiver.taken, "the first")
    with bound.database.writing() as connection:
        fleet.finish_rotation(connection, fleet.known(connection, "erp"))
        with pytest.raises(UserError, match="one secret"):
            fleet.finish_rotation(connection, fleet.known(connection, "erp"))
    count = len(receiver.taken)
    bound.deliver(at(2, events=2))
    with bound.delivering():
        wait_until(lambda: len(receiver.taken) > count, "the second")
    is_genuine = runpy.run_path(str(PROTOCOL / "webhook.py"))["is_genuine"]

    def verified(secret: bytes, got: Got) -> bool:
        return bool(is_genuine(webhook.spelled(secret), got.headers, got.body, time.time()))

    first, last = receiver.taken[0], receiver.taken[-1]
    assert verified(old, first) and verified(new, first)
    assert verified(new, last) and not verified(old, last)


def test_the_docs_show_how_each_kind_of_webhook_is_verified(bound, receiver, monkeypatch):
    monkeypatch.syspath_prepend(str(PROTOCOL))
    section = (PROTOCOL / "protocol.md").read_text().partition("## Is a webhook genuine?")[2]
    snippet = section.partition("```python\n")[2].partition("```")[0]
    *imports, of_webhook, of_dcsa = snippet.splitlines()
    dcsa_receiver = Receiver()
    secrets = {}
    for kind, each in (("webhook", receiver), ("dcsa", dcsa_receiver)):
        spelled = KINDS[kind].spelled
        assert spelled is not None
        secrets[kind] = spelled(bound.add(kind, each.url, kind, None, "event"))
    assert re.fullmatch("[0-9a-f]{64}", secrets["dcsa"]) and secrets["webhook"].startswith("whsec_")
    bound.trip("CSQU3054383", 0, None, "acme")
    bound.deliver(at(1, events=1))
    bound.published()
    with bound.delivering():
        wait_until(lambda: receiver.taken and dcsa_receiver.taken, "a message of each kind")
    dcsa_receiver.close()
    for line, got, secret in (
        (of_webhook, receiver.taken[0], secrets["webhook"]),
        (of_dcsa, dcsa_receiver.taken[0], secrets["dcsa"]),
    ):
        for body, is_ours in ((got.body, True), (got.body + b" ", False)):
            names = {"secret": secret, "headers": got.headers, "body": body}
            exec("\n".join([*imports, line]), names)
            assert names["genuine"] is is_ours, line
        unsigned: dict[str, Any] = {"secret": secret, "headers": {}, "body": got.body}
        exec("\n".join([*imports, line]), unsigned)
        assert unsigned["genuine"] is False, "a stranger's request without a signature"


def test_dcsa_events_match_their_schema_and_are_retracted(bound, receiver):
    secret = bound.add("port", receiver.url, "dcsa")
    bound.trip("CSQU3054383", 0, None, "acme")
    there = {"lat": 52_40000, "lon": 17_00000, "motion": 0, "speed": 0}
    bound.deliver(at(1, events=1, **there), at(2, **there), at(3, **there))
    bound.deliver(at(8, lat=51_10000, lon=16_00000, motion=9))
    bound.published()
    with bound.delivering():
        wait_until(lambda: not bound.left(), "an empty outbox")
    schema = Draft202012Validator(json.loads((PROTOCOL / "dcsa-event.schema.json").read_text()))
    found = [each for body in receiver.contents() for each in body]
    for each in found:
        schema.validate(each)
    codes = [each["payload"].get("iotEventCode") or _code(each["payload"]) for each in found]
    assert codes == ["DRO", "DEPA"]
    for got in receiver.taken:
        signed = hmac.digest(secret, got.body, hashlib.sha256).hex()
        assert got.headers["notification-signature"] == f"sha256={signed}"
    answered = {
        "event": 9,
        "replaces": 4,
        "id": "d/1/retraction-border",
        "retracts": "d/1/border",
        "was": "border",
    }
    whole = found[0]["payload"]
    point_of = {
        "container": "CSQU3054383",
        "time": whole["eventDateTime"],
        "received": whole["eventDateTime"],
    }
    where = {"latitude": 1.5, "longitude": 0.00005}
    point_of |= {"trip": 1, "seq": 2, "from": "DE", "to": "PL"}
    taken_back = dcsa.event(answered | {"type": "retraction"} | point_of | where, {})
    assert taken_back
    schema.validate(taken_back)
    assert taken_back["metadata"]["retractedEventID"] == dcsa.event_id(4, "d/1/border")
    assert "payload" not in taken_back, "with one it would be taken for what is true instead"
    del answered["replaces"]
    assert dcsa.event(answered | {"type": "retraction"} | point_of | where, {}) is None
    corrected = dcsa.event(
        {"event": 9, "replaces": 4, "id": "d/1/border", "type": "border"} | point_of | where, {}
    )
    assert corrected
    schema.validate(corrected)
    assert corrected["metadata"]["retractedEventID"] == dcsa.event_id(4, "d/1/border")
    location = corrected["payload"]["transportCall"]["location"]
    assert location == {"locationType": "GEOL", "latitude": "1.50000", "longitude": "0.00005"}
    with pytest.raises(ValidationError):
        schema.validate({"metadata": found[0]["metadata"]})


def _code(payload: dict[str, Any]) -> Any:
    return payload.get("transportEventTypeCode") or payload.get("equipmentEventTypeCode")


def test_a_device_is_announced_to_home_assistant_before_its_first_position(bound):
    published: list[outbox.OutboxMessage] = []
    publish = home_assistant.announcing(cast(Any, published.append), "homeassistant")
    bound.deliver(at(1))
    bound.deliver(at(2))
    with bound.database.reading() as connection:
        for message in outbox.head(connection, 100):
            publish(message)
    topics = [each.topic for each in published]
    assert topics.count(f"homeassistant/device_tracker/landbridge_operator_{FIRST}/config") == 1
    tracker = next(each for each in published if "/device_tracker/" in each.topic)
    assert tracker.retain
    position = json.loads(tracker.payload)["json_attributes_topic"]
    assert topics.index(tracker.topic) < topics.index(position)
    answered = json.loads(next(each for each in published if each.topic == position).payload)
    assert {"latitude", "longitude", "battery_mv", "temperature_c"} <= set(answered)


def test_home_assistant_forgets_a_device_with_its_position_and_keeps_tenants_apart():
    kept: dict[str, bytes] = {}

    def publish(message: OutboxMessage) -> None:
        assert message.retain
        kept[message.topic] = message.payload
        if not message.payload:
            del kept[message.topic]

    announced = home_assistant.announcing(cast(Any, publish), "homeassistant")
    names = []
    for tenant in ("operator", "acme"):
        topic = f"landbridge/out/{tenant}/{FIRST}/position"
        announced(OutboxMessage(1, topic, b"{}", True, tenant, FIRST, "position"))
        tracker = kept[f"homeassistant/device_tracker/landbridge_{tenant}_{FIRST}/config"]
        names.append(json.loads(tracker)["device"]["name"])
    assert names == [FIRST, f"{FIRST} (acme)"] and len(kept) == 8
    announced(numbered_message(2, no_position(FIRST, "acme")))
    assert len(kept) == 4 and not [topic for topic in kept if "acme" in topic]
    announced(OutboxMessage(3, topic, b"{}", True, "acme", FIRST, "position"))
    assert len(kept) == 8


@pytest.mark.parametrize(
    ("name", "address", "kind", "what", "why"),
    [
        ("Erp", "http://a/", "webhook", (), "cannot be the name"),
        ("erp", "ftp://a/", "webhook", (), "not an address"),
        ("erp", "http:", "webhook", (), "not an address"),
        ("erp", "http://a/", "pigeon", (), "no kind"),
        ("erp", "http://a/", "traccar", ("event",), "does not accept 'event'"),
    ],
)
def test_an_invalid_integration_is_reported_in_one_line(bound, name, address, kind, what, why):
    with pytest.raises(UserError, match=why):
        bound.add(name, address, kind, None, *what)


def test_a_running_agent_delivers_and_signs(installation, receiver):
    with installation.database().writing() as connection:
        keyring = Keyring(installation.database().place)
        fleet.add(connection, keyring, "erp", "webhook", receiver.url, None, ("event",), "bench", NOW_S)
    installation.start()
    installation.device().send([point(1, events=2)])
    wait_until(lambda: receiver.taken, "the alarm")
    assert receiver.contents()[0]["alarm"] == "shock"
    assert receiver.taken[0].headers["landbridge-topic"].endswith("/event/alarm")
