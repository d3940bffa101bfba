"""Integrations of tenants: each gets its own, and nothing of another."""

import json
from types import SimpleNamespace
from typing import Any

from landbridge.events.publisher import Publisher
from landbridge.events.queries import events, outbox
from landbridge.events.queries.events import Wanted
from landbridge.features.geofences import queries as geofences
from landbridge.features.trips import edit
from landbridge.features.trips import queries as trips
from landbridge.tracking import silence
from landbridge.tracking.binding import bind
from landbridge.tracking.recompute import recompute

from host_tests.support.agent import wait_until
from host_tests.support.fleet import FIRST, NOW_S, at
from host_tests.support.trips import BEGIN_S, HOUR_S, POZNAN


def test_an_integration_of_a_tenant_gets_its_own_only(bound, receiver):
    bound.trip("CSQU3054383", 0, 10, "acme")
    bound.trip("MSKU0000006", 20, None, "bolt")
    bound.add("acme", receiver.url, "webhook", "acme")
    bound.published()
    bound.deliver(at(5, events=1), at(15, events=1), at(25, events=1))
    with bound.delivering():
        wait_until(lambda: len(receiver.taken) >= 3, "the tenant's messages")
        bound.published()
        wait_until(lambda: not bound.left(), "an empty outbox")
    assert "MSKU0000006" not in str(receiver.contents())
    assert {each.get("seq", 5) for each in receiver.contents()} == {5}


def test_a_device_bound_again_in_mid_track_shows_each_tenant_its_own_interval(bound):
    first = bound.trip("CSQU3054383", 0, 10, "acme")
    second = bound.trip("MSKU0000006", 10, None, "bolt")
    bound.deliver(*(at(hour, events=1) for hour in range(11, 15)))
    bound.deliver(*(at(hour, events=1) for hour in range(1, 10)))  # late
    for tenant, trip, hours in (("acme", first, range(1, 10)), ("bolt", second, range(11, 15))):
        sent = bound.sent(tenant)
        tracks = [each for leaf, content in sent if leaf == "track" for each in content["features"]]
        assert [each["properties"]["seq"] for each in tracks] == list(hours)
        answered = [content for leaf, content in sent if leaf.startswith("event/")]
        assert {each["trip"] for each in answered} == {trip}
        assert [content["seq"] for leaf, content in sent if leaf == "position"][-1] == hours[-1]
        with bound.database.reading() as connection:
            rows = events.feed(connection, 0, 1_000, Wanted(tenant))
        assert {row.trip for row in rows} == {trip}
    assert bound.sent("operator") == []


def test_a_trip_that_gets_a_tenant_later_is_published_to_it_from_its_begin(bound):
    before = bound.trip("MSKU0000006", 0, 2, None)
    trip = bound.trip("CSQU3054383", 2, None, None)
    bound.deliver(*(at(hour, events=1) for hour in range(1, 9)))
    bound.published()
    with bound.database.writing() as connection:
        edit.edit(connection, trip, edit.Changes(tenant="acme"), "anna", NOW_S)
        recompute(connection, FIRST, NOW_S)
    sent = bound.sent("acme")
    tracks = [each for leaf, content in sent if leaf == "track" for each in content["features"]]
    assert [each["properties"]["seq"] for each in tracks] == list(range(2, 9))
    assert [content["seq"] for leaf, content in sent if leaf == "position"] == [8]
    with bound.database.reading() as connection:
        rows = events.feed(connection, 0, 1_000, Wanted("acme"))
        inferred = [row for row in events.of_trip(connection, trip) if row.inferred]
        assert events.of_trip(connection, before)
    assert {row.trip for row in rows} == {trip} and "retraction" not in {row.type for row in rows}
    assert inferred and {row.tenant for row in inferred} == {"acme"}


def test_events_that_an_arrival_removes_from_a_trip_are_retracted_for_its_tenant(bound):
    """The trip ends in Poznan at hour 4; hour 9 was published to its tenant before that."""
    with bound.database.writing() as connection:
        geofences.add(connection, "Poznan", POZNAN, 5_000.0, BEGIN_S)
    bound.trip("CSQU3054383", 0, None, "acme")
    there = {"lat": 52_40000, "lon": 17_00000, "motion": 0, "speed": 0}
    away = {"lat": 51_10000, "lon": 16_00000}
    bound.deliver(at(9, events=1, **away))
    bound.deliver(at(1, **away), *(at(hour, **there) for hour in (3, 4, 5)))
    sent = bound.sent("acme")
    answered = [content["id"] for leaf, content in sent if leaf == "event/alarm"]
    taken_back = [content["retracts"] for leaf, content in sent if leaf == "event/retraction"]
    assert f"{FIRST}/9/alarm-light" in answered
    assert f"{FIRST}/9/alarm-light" in taken_back
    assert [content["seq"] for leaf, content in sent if leaf == "position"][-1] < 9


def test_a_tenant_s_geofence_is_there_on_its_trips_only(bound):
    here = '{"type":"Point","coordinates":[106.55156,29.56301]}'
    with bound.database.writing() as connection:
        geofences.give_to(connection, geofences.add(connection, "secret", here, 5_000.0, BEGIN_S), "acme")
        geofences.add(connection, "yard", here, 9_000.0, BEGIN_S)
    bound.trip("CSQU3054383", 2, 4, "acme")
    bound.trip("MSKU0000006", 4, 8, "bolt")
    bound.deliver(*map(at, range(1, 12)))
    answered = {
        tenant: {
            (each["geofence"], each["trip"]) for leaf, each in bound.sent(tenant) if leaf == "event/geofence"
        }
        for tenant in ("acme", "bolt", "operator")
    }
    assert answered == {
        "acme": {("secret", 1), ("yard", 1)},
        "bolt": {("yard", 2)},
        "operator": {("yard", None)},
    }
    assert {leaf for leaf, each in bound.sent("bolt") if "secret" in str(each)} == set()
    assert {leaf for leaf, each in bound.sent("acme") if each.get("place") == "secret"} == {"event/stop"}


def test_a_device_that_is_silent_after_a_trip_is_nothing_to_its_tenant(bound):
    bound.trip("CSQU3054383", 0, 10, "acme")
    bound.deliver(at(5))
    before = len(bound.sent("acme"))
    bound.heard(BEGIN_S + 11 * HOUR_S, BEGIN_S + 12 * HOUR_S)
    with bound.database.writing() as connection:
        assert silence.check_due(connection, [FIRST], 0, NOW_S) == 1
    assert len(bound.sent("acme")) == before
    assert bound.sent("operator")[-1][1]["alarm"] == "silent"


def test_points_moved_to_a_trip_before_publication_go_to_its_tenant_alone(bound, receiver):
    bound.add("erp", receiver.url, "webhook", None, "track")
    bound.deliver(at(1), at(2))
    with bound.database.writing() as connection:
        assert [each.payload for each in outbox.head(connection, 9) if each.what == "track"] == [b"[[1,2]]"]
    bound.trip("CSQU3054383", 0, None, "acme")
    with bound.database.writing() as connection:
        bind(connection, FIRST, BEGIN_S, NOW_S)
    with bound.delivering():
        wait_until(lambda: receiver.taken, "a delivery")
    (by_webhook,) = receiver.contents()
    assert {each["properties"]["container"] for each in by_webhook["features"]} == {"CSQU3054383"}
    published: list[outbox.OutboxMessage] = []

    def publish(message: outbox.OutboxMessage) -> Any:
        published.append(message)
        return SimpleNamespace(is_published=lambda: True)

    publisher = Publisher(bound.database, publish)
    publisher.start()
    publisher.stop()
    (on_topic,) = [each for each in published if each.what == "track"]
    assert on_topic.tenant == "acme" and json.loads(on_topic.payload) == by_webhook
    with bound.database.reading() as connection:
        assert outbox.head(connection, 9) == []


def test_a_tenant_s_user_at_the_broker_gets_its_trips_and_no_more(installation):
    """The ACL confines him to landbridge/out/acme/#; the device is bound to another container later."""
    with installation.database().writing() as connection:
        whose = ("CSQU3054383", 0, 10, "acme"), ("MSKU0000006", 10, None, "bolt")
        for container, begin_h, end_h, tenant in whose:
            begin_s = BEGIN_S + begin_h * HOUR_S
            trip = trips.start(connection, FIRST, container, "west", "Poznan", 3600, begin_s)
            trips.give_to(connection, trip, tenant)
            if end_h is not None:
                trips.end(connection, trip, BEGIN_S + end_h * HOUR_S)
    installation.start()
    operator, acme = installation.platform(), installation.platform("tenant-acme")
    device = installation.device()
    device.send([at(12, events=1), at(20)])
    device.send([at(3, events=1), at(5)])
    wait_until(lambda: len(operator.features()) == 4, "all points")
    wait_until(lambda: len(acme.features()) == 2 and acme.on("/position"), "his points")
    assert [each["properties"]["seq"] for each in acme.features()] == [3, 5]
    assert [each["id"] for each in acme.on("/event/alarm")] == [f"{FIRST}/3/alarm-light"]
    assert acme.on("/position")[-1]["seq"] == 5
    assert not [topic for topic, _ in acme.messages if not topic.startswith("landbridge/out/acme/")]
