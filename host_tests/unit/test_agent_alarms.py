"""Alarms: raised once, counted, acknowledged, cleared; by reports of devices and by tracking."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from landbridge import cli
from landbridge.core.clock import CLOCK_FILE_VARIABLE, iso
from landbridge.core.errors import UserError
from landbridge.core.names import AGENT
from landbridge.events import publishing
from landbridge.events.queries import events
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.features.alarms.rules import RULES
from landbridge.features.fleet import queries as listed
from landbridge.features.geofences import queries as geofences
from landbridge.features.sims import controls, rules
from landbridge.features.sims import handler as watch
from landbridge.features.sims.rules import Card, Observed
from landbridge.features.trips import queries as trips
from landbridge.points.queries import points
from landbridge.protocol.event import SEVERITIES
from landbridge.tracking import queries as tracking
from landbridge.tracking import silence
from landbridge.tracking.recompute import recompute
from sqlalchemy import Connection

from host_tests.support.agent import set_clock
from host_tests.support.alarms import BACK, LATER_BACK, LEFT, every, off_route, pass_by
from host_tests.support.fleet import FIRST, NOW_S, Fleet, Pages, at
from host_tests.support.trips import BEGIN_S, HOUR_S, POZNAN

PROTOCOL = Path(__file__).parents[2] / "docs" / "reference"
DAY_S = 24 * HOUR_S
IN_POZNAN = {"lat": 52_40000, "lon": 17_00000, "motion": 0, "speed": 0}
AWAY = {"lat": 51_10000, "lon": 16_00000}


def answer(fleet: Fleet) -> list[dict[str, Any]]:
    with fleet.database.reading() as connection:
        return published_alarms(connection)


def published_alarms(connection: Connection) -> list[dict[str, Any]]:
    rows = events.after(connection, FIRST, 0, 1_000)
    return [json.loads(row.content) for row in rows if row.type.startswith("alarm-")]


def trip_to_poznan(fleet: Fleet) -> int:
    """Begin a trip of acme that ends in the geofence of its destination."""
    with fleet.database.writing() as connection:
        geofences.add(connection, "Poznan", POZNAN, 5_000.0, BEGIN_S)
    return fleet.trip("CSQU3054383", 0, None, "acme")


def forget_geofences(fleet: Fleet) -> None:
    """Remove the geofences and recompute, so that no arrival is left."""
    with fleet.database.writing() as connection:
        for geofence in geofences.every(connection):
            geofences.remove(connection, geofence.geofence, BEGIN_S)
        tracking.mark(connection, FIRST, 0)
        recompute(connection, FIRST, NOW_S)


def test_an_open_alarm_is_counted_and_a_cleared_one_raised_again(fleet):
    fleet.deliver(at(1, events=4), at(2, events=4))
    assert every(fleet) == [("temperature", "raised", 2, None)]
    fleet.deliver(at(3, events=4096))
    assert every(fleet) == [("temperature", "cleared", 2, None)]
    fleet.deliver(at(4, events=4))
    assert [each[:3] for each in every(fleet)] == [
        ("temperature", "cleared", 2),
        ("temperature", "raised", 1),
    ]
    schema = Draft202012Validator(json.loads((PROTOCOL / "event.schema.json").read_text()))
    for each in answer(fleet):
        schema.validate({"event": 1} | each)
    assert [each["type"] for each in answer(fleet)] == ["alarm-raised", "alarm-cleared", "alarm-raised"]


def test_a_late_event_does_not_raise_a_cleared_alarm(fleet):
    fleet.deliver(at(10, events=4), at(12, events=4096))
    fleet.deliver(at(11, 99, events=4))
    assert every(fleet) == [("temperature", "cleared", 1, None)]


def test_an_open_alarm_clears_after_its_quiet_period(fleet):
    fleet.deliver(at(1, events=2))
    last_s = BEGIN_S + HOUR_S
    fleet.heard(last_s + DAY_S)
    pass_by(fleet, NOW_S + DAY_S - 1)
    assert every(fleet) == [("shock", "raised", 1, None)]
    pass_by(fleet, NOW_S + DAY_S)
    pass_by(fleet, NOW_S + 2 * DAY_S)
    assert every(fleet) == [("shock", "cleared", 1, None)]
    assert [each["type"] for each in answer(fleet)] == ["alarm-raised", "alarm-cleared"]
    assert answer(fleet)[-1]["cleared"] == iso(last_s + DAY_S)
    with fleet.database.reading() as connection:
        stirred = [
            list(connection.execute(listed.stirred_since(NOW_S + DAY_S + s)).scalars()) for s in (0, 1)
        ]
    assert stirred == [[FIRST], []]


def test_it_is_not_quiet_as_long_as_nothing_is_heard(fleet):
    fleet.deliver(at(1, events=1))
    fleet.heard(BEGIN_S + 25 * HOUR_S - 1)
    pass_by(fleet, NOW_S + 7 * DAY_S)
    fleet.deliver(at(20, events=1))
    fleet.heard(BEGIN_S + 26 * HOUR_S)
    pass_by(fleet, NOW_S + 8 * DAY_S)
    assert every(fleet) == [("light", "raised", 2, None)]


def test_an_event_that_arrives_after_the_quiet_period_raises_again(fleet):
    fleet.deliver(at(1, events=1), at(3, events=1))
    fleet.heard(BEGIN_S + 28 * HOUR_S)
    pass_by(fleet, NOW_S + DAY_S)
    fleet.deliver(at(2, 50, events=1))
    assert every(fleet) == [("light", "cleared", 2, None)]
    fleet.deliver(at(20, events=1))
    assert [each[:3] for each in every(fleet)] == [("light", "cleared", 2), ("light", "raised", 1)]


def test_late_data_keeps_alarms_open_as_long_as_timely_data(fleet):
    fleet.deliver(at(1, events=1))
    fleet.heard(NOW_S)
    pass_by(fleet, NOW_S + 60)
    assert every(fleet) == [("light", "raised", 1, None)]
    pass_by(fleet, NOW_S + DAY_S)
    assert every(fleet) == [("light", "cleared", 1, None)]


def test_tracking_raises_and_retracts(fleet):
    fleet.deliver(at(1), at(60))
    assert every(fleet) == [("gap", "raised", 1, None)]
    fleet.deliver(at(20, 7))
    assert every(fleet) == [("gap", "cleared", 1, None)]


def test_an_event_that_another_point_confirms_stays_though_older_than_the_correction(fleet):
    fleet.deliver(at(1), at(60))
    fleet.deliver(at(58, 7))
    assert every(fleet) == [("gap", "cleared", 2, None), ("gap", "raised", 1, None)]
    with fleet.database.reading() as connection:
        (row,) = alarms.every_open(connection)
        shown = [
            each.id for each in events.current(connection, FIRST, None, None, 10_000) if each.type == "gap"
        ]
    assert (row.event, row.raised_s) == (shown[0], BEGIN_S + 58 * HOUR_S)


def test_a_repeat_raises_the_alarm_when_its_first_event_is_retracted(fleet):
    fleet.deliver(at(1), at(60), at(120), at(180))
    assert every(fleet) == [("gap", "raised", 3, None)]
    fleet.deliver(at(30, 7))
    assert every(fleet) == [("gap", "cleared", 3, None), ("gap", "raised", 2, None)]
    with fleet.database.reading() as connection:
        (row,) = alarms.every_open(connection)
    assert (row.raised_s, row.last_s) == (BEGIN_S + 120 * HOUR_S, BEGIN_S + 180 * HOUR_S)
    fleet.deliver(at(90, 8), at(150, 9))
    assert [each[:2] for each in every(fleet)] == [("gap", "cleared"), ("gap", "cleared")]


def test_late_events_of_before_the_end_raise_nothing(fleet):
    fleet.deliver(at(12, events=4096))
    fleet.deliver(at(11, events=4))
    assert every(fleet) == []


def test_a_late_end_clears_nothing_that_was_after_it(fleet):
    fleet.deliver(at(10, events=4), at(14, events=4))
    fleet.deliver(at(12, events=4096))
    assert [each[1:3] for each in every(fleet)] == [("cleared", 2), ("raised", 1)]


@pytest.mark.parametrize(
    ("untrue", "news", "states", "types"),
    [
        ([BACK], [], ["raised"], ["raised"]),
        ([BACK], [LATER_BACK], ["cleared"], ["cleared"]),
        ([LEFT, BACK], [], ["cleared"], []),
        ([LEFT], [], ["cleared"], []),
        ([LEFT], [off_route("leave", 12)], ["cleared"], []),
    ],
)
def test_an_alarm_reopens_when_its_clearing_event_is_retracted(fleet, untrue, news, states, types):
    with fleet.database.writing() as connection:
        publishing.publish(connection, [LEFT, BACK], NOW_S)
        before = len(published_alarms(connection))
        publishing.correct(connection, untrue, news, NOW_S)
        now = published_alarms(connection)
    assert [each[1] for each in every(fleet)] == states
    assert [each["type"] for each in now[before:]] == [f"alarm-{each}" for each in types]


def test_a_retracted_alarm_does_not_continue_with_its_trip(fleet):
    trip = fleet.trip("CSQU3054383", 0, None, "acme")
    fleet.deliver(at(1), at(40))
    with fleet.database.writing() as connection:
        trips.end(connection, trip, BEGIN_S + 50 * HOUR_S)
        engine.end_with_trip(connection, FIRST, trip, NOW_S)
    fleet.deliver(at(20, 7))
    with fleet.database.writing() as connection:
        trips.reopen(connection, trip, None)
        engine.reopen_with_trip(connection, trip, NOW_S)
    assert every(fleet) == [("gap", "cleared", 1, trip)]


def test_silence_is_an_alarm_and_ends_with_a_word(fleet):
    fleet.deliver(at(1))
    due_s = BEGIN_S + 2 * HOUR_S
    fleet.heard(BEGIN_S + HOUR_S, due_s)
    with fleet.database.writing() as connection:
        silence.check_due(connection, [FIRST], 0, due_s + 3 * HOUR_S)
    assert every(fleet) == [("silent", "raised", 1, None)]
    fleet.heard(due_s + 4 * HOUR_S)
    with fleet.database.writing() as connection:
        silence.check_due(connection, [FIRST], 0, due_s + 5 * HOUR_S)
    assert every(fleet) == [("silent", "cleared", 1, None)]


def test_one_trip_s_alarm_is_not_the_next_one_s(fleet):
    first = fleet.trip("CSQU3054383", 0, 10, "acme")
    second = fleet.trip("MSKU0000006", 10, None, "bolt")
    fleet.deliver(at(5, events=512), at(15, events=512))
    assert every(fleet) == [("tamper", "raised", 1, first), ("tamper", "raised", 1, second)]
    assert [content["seq"] for leaf, content in fleet.sent("acme") if leaf == "event/alarm-raised"] == [5]


def sent_to(fleet: Fleet, tenant: str) -> list[tuple[str, str, int]]:
    """(type, alarm, trip) of the changes published to a tenant, in their order."""
    answer = [content for leaf, content in fleet.sent(tenant) if leaf.startswith("event/alarm-")]
    return [(each["type"], each["alarm"], each["trip"]) for each in answer]


def test_an_alarm_is_not_cleared_by_events_of_the_next_trip(fleet):
    first = fleet.trip("CSQU3054383", 0, 10, "acme")
    second = fleet.trip("MSKU0000006", 10, None, "bolt")
    fleet.deliver(at(5, events=4))
    fleet.deliver(at(15, events=4096))
    assert every(fleet) == [("temperature", "raised", 1, first)]
    fleet.deliver(at(16, events=4), at(9, 99, events=4096))
    assert every(fleet) == [("temperature", "cleared", 1, first), ("temperature", "raised", 1, second)]


def test_an_alarm_raised_without_a_trip_is_cleared_by_an_event_of_the_next_trip(fleet):
    fleet.trip("MSKU0000006", 3, None, "bolt")
    fleet.deliver(at(1, events=4))
    fleet.deliver(at(4, events=4096))
    assert every(fleet) == [("temperature", "cleared", 1, None)]
    assert sent_to(fleet, "bolt") == []
    assert [leaf for leaf, _ in fleet.sent("operator") if leaf.startswith("event/alarm-")] == [
        "event/alarm-raised",
        "event/alarm-cleared",
    ]


def test_alarms_end_with_their_trip_even_if_acknowledged(fleet, tmp_path, monkeypatch):
    trip = fleet.trip("CSQU3054383", 0, None, "acme")
    fleet.deliver(at(1, events=4), at(2, events=512))
    with fleet.database.writing() as connection:
        (looked_after,) = alarms.open_of(connection, FIRST, "tamper")
        engine.acknowledge(connection, looked_after.alarm, "somebody", "", NOW_S)
    (tmp_path / "landbridge.toml").write_text(f'[store]\ndatabase = "{fleet.database.place}"\n')
    monkeypatch.setenv("LANDBRIDGE_CONFIG", str(tmp_path / "landbridge.toml"))
    set_clock(tmp_path / "clock", NOW_S)
    monkeypatch.setenv(CLOCK_FILE_VARIABLE, str(tmp_path / "clock"))
    with pytest.raises(SystemExit) as ended:
        cli.app(["trips", "end", FIRST])
    assert not ended.value.code
    assert every(fleet) == [("temperature", "cleared", 1, trip), ("tamper", "cleared", 1, trip)]
    assert {(each["cleared"], each["cleared_by"]) for each in answer(fleet)[-2:]} == {
        (iso(NOW_S), engine.TRIP)
    }
    assert sent_to(fleet, "acme")[-2:] == [
        ("alarm-cleared", "temperature", trip),
        ("alarm-cleared", "tamper", trip),
    ]
    assert sent_to(fleet, "operator") == []


def test_late_alarms_of_an_ended_trip_end_with_it(fleet):
    trip = fleet.trip("CSQU3054383", 0, 10, "acme")
    fleet.deliver(at(5, events=512))
    pass_by(fleet, NOW_S)
    pass_by(fleet, NOW_S + 60)
    assert sent_to(fleet, "acme") == [("alarm-raised", "tamper", trip), ("alarm-cleared", "tamper", trip)]
    assert answer(fleet)[-1]["cleared"] == iso(BEGIN_S + 10 * HOUR_S)


@pytest.mark.parametrize("tenant", ["acme", None])
def test_alarms_end_by_arrival_and_go_on_when_it_was_none(fleet, tenant):
    with fleet.database.writing() as connection:
        geofences.add(connection, "Poznan", POZNAN, 5_000.0, BEGIN_S)
        trip = trips.start(connection, FIRST, "CSQU3054383", "west", "Poznan", 3600, BEGIN_S)
        if tenant:
            trips.give_to(connection, trip, tenant)
    fleet.deliver(at(1, events=4, **AWAY), at(9, events=512, **AWAY))
    assert every(fleet) == [("temperature", "raised", 1, trip), ("tamper", "raised", 1, trip)]
    fleet.deliver(*(at(hour, **IN_POZNAN) for hour in (3, 4, 5)))
    assert every(fleet) == [
        ("temperature", "cleared", 1, trip),
        ("tamper", "cleared", 1, trip),
        ("tamper", "raised", 1, None),
    ]
    forget_geofences(fleet)
    assert every(fleet) == [
        ("temperature", "raised", 1, trip),
        ("tamper", "raised", 1, trip),
        ("tamper", "cleared", 1, None),
    ]


def test_one_alarm_per_name_is_open_when_a_trip_continues_after_all(fleet):
    trip = trip_to_poznan(fleet)
    fleet.deliver(at(1, events=512, **AWAY), *(at(hour, **IN_POZNAN) for hour in (3, 4, 5)))
    fleet.deliver(at(9, events=512, **AWAY))
    assert every(fleet) == [("tamper", "cleared", 1, trip), ("tamper", "raised", 1, None)]
    forget_geofences(fleet)
    assert [each[1] for each in every(fleet) if each[3] == trip].count("raised") == 1
    assert [each[1] for each in every(fleet) if each[3] is None] == ["cleared"]


@pytest.mark.parametrize("late", [True, False])
def test_alarms_cleared_after_the_arrival_stay_so_when_the_trip_continues(fleet, late):
    trip = trip_to_poznan(fleet)
    fleet.deliver(at(1, events=4, **AWAY), *(at(hour, **IN_POZNAN) for hour in (3, 6)))
    fleet.deliver(at(9, events=4096, **AWAY))
    assert every(fleet) == [("temperature", "cleared", 1, trip)]
    if late:
        fleet.deliver(at(4, 50, **AWAY), at(5, 51, **AWAY))
    else:
        forget_geofences(fleet)
    with fleet.database.reading() as connection:
        assert trips.running(connection, FIRST)
        (row,) = alarms.of_trip(connection, trip)
    assert (row.cleared_s, row.cleared_by) == (BEGIN_S + 9 * HOUR_S, AGENT)


def test_alarms_after_the_arrival_belong_to_the_trip_once_it_ends_later(fleet):
    first = trip_to_poznan(fleet)
    fleet.deliver(at(1, events=4 + 512, **AWAY), *(at(hour, **IN_POZNAN) for hour in (3, 6)))
    fleet.deliver(at(9, events=4096, **AWAY), at(10, events=512 + 2, **AWAY))
    fleet.trip("MSKU0000006", 12, None, "bolt")
    fleet.deliver(at(4, 50, **AWAY), at(5, 51, **AWAY))
    with fleet.database.reading() as connection:
        assert trips.ended_s(connection, first) == BEGIN_S + 12 * HOUR_S
        rows = [(row.name, row.times, row.cleared_s) for row in alarms.of_trip(connection, first)]
    assert rows == [
        ("temperature", 1, BEGIN_S + 9 * HOUR_S),
        ("tamper", 2, BEGIN_S + 12 * HOUR_S),
        ("shock", 1, BEGIN_S + 12 * HOUR_S),
    ]
    assert sent_to(fleet, "bolt") == []


def map_of(fleet: Fleet, tenant: str) -> dict[str, str]:
    """State of each alarm by id, as kept by a platform that stores the last message of each and deletes
    retracted ones."""
    kept: dict[str, dict[str, Any]] = {}
    schema = Draft202012Validator(json.loads((PROTOCOL / "event.schema.json").read_text()))
    for leaf, content in fleet.sent(tenant):
        if leaf == "event/retraction":
            schema.validate(content)
            assert content["replaces"] == kept.pop(content["retracts"])["event"]
        elif leaf.startswith("event/"):
            assert content.get("replaces") == kept.get(content["id"], {}).get("event")
            kept[content["id"]] = content
    return {name: each["state"] for name, each in kept.items() if each["type"].startswith("alarm-")}


def test_the_last_message_of_each_id_shows_that_an_alarm_is_open_again(fleet):
    trip_to_poznan(fleet)
    fleet.deliver(at(1, events=4, **AWAY), *(at(hour, **IN_POZNAN) for hour in (3, 6)))
    raised, cleared = f"{FIRST}/{NOW_S}/alarm-raised", f"{FIRST}/{NOW_S}/alarm-cleared"
    assert map_of(fleet, "acme") == {raised: "raised", cleared: "cleared"}
    fleet.deliver(at(4, 50, **AWAY), at(5, 51, **AWAY))
    assert map_of(fleet, "acme") == {raised: "raised"}
    fleet.deliver(at(9, events=4096, **AWAY))
    assert map_of(fleet, "acme") == {raised: "raised", cleared: "cleared"}


def test_an_event_that_returns_after_its_retraction_is_published_under_the_same_id(fleet):
    fleet.deliver(at(1), at(60))
    with fleet.database.writing() as connection:
        (gap,) = [each for each in events.inferred_from(connection, FIRST, (0, 0)) if each.type == "gap"]
        publishing.correct(connection, [gap], [], NOW_S)
        publishing.publish(connection, [gap], NOW_S)
    assert map_of(fleet, "operator") == {f"{FIRST}/{NOW_S}/alarm-raised": "raised"}
    with fleet.database.writing() as connection:
        publishing.correct(connection, [gap], [], NOW_S)
    assert map_of(fleet, "operator") == {
        f"{FIRST}/{NOW_S}/alarm-raised": "raised",
        f"{FIRST}/{NOW_S}/alarm-cleared": "cleared",
    }


def test_a_control_that_is_broken_when_the_trip_changes_is_so_on_the_next_one(fleet):
    first = fleet.trip("CSQU3054383", 0, 10, "acme")
    second = fleet.trip("MSKU0000006", 10, None, "bolt")
    demands = controls.parse((PROTOCOL.parent / "guide" / "controls.toml").read_text())["resold"]
    card = Card((), (), "1", "active", None)
    fleet.deliver(at(1), at(11))

    def see(hour: int, imei: str) -> None:
        with fleet.database.writing() as connection:
            (stored,) = points.of_sequences(connection, FIRST, [1 if hour < 10 else 11])
            at_s = BEGIN_S + hour * HOUR_S
            results = rules.evaluate(demands, card, Observed(imei=imei))
            watch.publish_changes(connection, FIRST, results, at_s, at_s, stored)

    see(5, "2")
    see(6, "2")
    pass_by(fleet, NOW_S)
    see(12, "2")
    see(13, "2")
    assert every(fleet) == [("separation", "cleared", 1, first), ("separation", "raised", 1, second)]
    see(14, "1")
    assert every(fleet)[1] == ("separation", "cleared", 1, second)


def severities() -> dict[str, str]:
    """Of each alarm by name, those of controls too."""
    controls = {name: rule.severity for name, rule in rules.RULES.items()}
    return {name: rule.severity for name, rule in RULES.items()} | controls


def test_every_alarm_has_a_rule_that_can_be():
    every = severities()
    assert set(every.values()) <= set(SEVERITIES)
    schema = json.loads((PROTOCOL / "event.schema.json").read_text())["properties"]
    assert set(every) <= set(schema["alarm"]["enum"])


def test_an_alarm_is_taken_over_through_http(fleet):
    fleet.trip("CSQU3054383", 0, None, "acme")
    fleet.deliver(at(1, events=512))
    pages = Pages(fleet)
    mine, other = pages.token("m", "operator", "acme"), pages.token("o", "operator", "bolt")
    reader = pages.token("r", "reader", "acme")
    with pages.served():
        (row,) = json.loads(pages.ask("/v1/alarms", mine)[1])["alarms"]
        assert (row["alarm"], row["severity"], row["state"]) == ("tamper", "critical", "raised")
        assert json.loads(pages.ask("/v1/alarms?state=all", other)[1])["alarms"] == []
        path = f"/v1/alarms/{row['number']}/acknowledge"
        assert pages.ask(path, other, "POST", {"note": "x"})[0] == 404
        assert pages.ask(path, reader, "POST", {"note": "x"})[0] == 403
        status, text = pages.ask(path, mine, "POST", {"note": "guard called"})
        assert status == 200 and json.loads(text)["state"] == "acknowledged"
        assert pages.ask(path, mine, "POST", {"note": ""})[0] == 400
        page = pages.ask("/alarms?every=true", mine)[1]
        assert "token acme/m" in page and "guard called" in page and "cleared<" not in page
        assert pages.ask(f"/v1/alarms/{row['number']}/clear", other, "POST")[0] == 404
        assert pages.ask(f"/v1/alarms/{row['number']}/clear", mine, "POST")[0] == 200
        page = pages.ask("/alarms?every=true", mine)[1]
        assert "token acme/m" in page and "guard called" in page and "cleared<" in page
        assert json.loads(pages.ask("/v1/alarms", mine)[1])["alarms"] == []
    types = [each["type"] for each in answer(fleet)]
    assert types == ["alarm-raised", "alarm-acknowledged", "alarm-cleared"]
    assert answer(fleet)[1]["acknowledged_by"] == "token acme/m"
    with fleet.database.writing() as connection, pytest.raises(UserError, match="cleared"):
        engine.acknowledge(connection, row["number"], "somebody", "", NOW_S)
