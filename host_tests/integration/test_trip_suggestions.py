"""A trip that begins in the past, and the offer of one, at first light or motion of a device on none."""

import json
import re
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from landbridge.cli import app
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.names import OPERATOR
from landbridge.db.database import Database, open_database
from landbridge.events.finished import finished
from landbridge.events.queries import events, outbox
from landbridge.features.devices import queries as devices
from landbridge.features.geofences import queries as geofences
from landbridge.features.trips import queries as trips
from landbridge.features.trips.start import Booking, Started, start
from landbridge.points.queries import points
from landbridge.tracking import suggestions as offers
from landbridge.tracking.recompute import recompute

from host_tests.support.agent import DEVICE
from host_tests.support.trips import BEGIN_S, HOUR_S, POZNAN, PROTOCOL, believed, deliver, fix

NOW_S = BEGIN_S + 40 * HOUR_S
OTHER = "lb-0002"
BREST = (52.1, 23.7, "BY")
LIGHT, STILL = 1, 0


@pytest.fixture
def database(place: str) -> Iterator[Database]:
    """Each of its tests runs on both engines; the device is on no trip."""
    made = opened(place)
    yield made
    made.close()


def opened(place: str) -> Database:
    database = open_database(place)
    with database.writing() as connection:
        devices.add(connection, DEVICE, b"wrapped", BEGIN_S)
        geofences.add(connection, "Brest", POZNAN.replace("17.0,52.4", "23.7,52.1"), 5_000.0, BEGIN_S)
    return database


def at(hour: int, lat: float = 52.1, lon: float = 23.7, **changes: int) -> Any:
    return fix(hour, BEGIN_S + hour * HOUR_S, lat, lon, "BY", **{"motion": STILL, "events": 0} | changes)


def offered(database: Database) -> list[tuple[int | None, Any, Any]]:
    with database.reading() as connection:
        return [
            (each.seq, each.content["cause"], each.content["place"])
            for each in offers.current(connection, DEVICE)
        ]


def book(database: Database, from_s: int, now_s: int = NOW_S) -> Started:
    """Start a trip of acme's; the track is worked out."""
    booking = Booking("CSQU3054383", "west", "Poznan", 3600, "acme", {}, [])
    with database.writing() as connection:
        started = start(connection, DEVICE, booking, from_s, "bench", now_s)
        recompute(connection, DEVICE, now_s)
    return started


def test_a_container_is_on_one_device_at_a_time(database):
    with database.writing() as connection:
        devices.add(connection, OTHER, b"wrapped", BEGIN_S)
        other = trips.start(connection, OTHER, "CSQU3054383", "west", "Poznan", 3600, BEGIN_S)
    since = f"CSQU3054383 is on {OTHER}, trip {other} since {iso(BEGIN_S)}; end that trip first"
    with pytest.raises(UserError, match=re.escape(since)):
        book(database, BEGIN_S + HOUR_S)
    assert offers_and_trips(database) == ([], [other])
    with database.writing() as connection:
        trips.end(connection, other, BEGIN_S + 2 * HOUR_S)
    with pytest.raises(UserError, match=f"was on {OTHER}, trip {other}, until {iso(BEGIN_S + 2 * HOUR_S)}"):
        book(database, BEGIN_S + HOUR_S)
    assert book(database, BEGIN_S + 2 * HOUR_S).trip > other


def test_a_trip_that_has_not_arrived_after_all_ends_where_its_container_went_on_with_another(database):
    there, elsewhere = (52.4, 17.0, "PL"), (52.3, 18.0, "PL")
    with database.writing() as connection:
        devices.add(connection, OTHER, b"wrapped", BEGIN_S)
        geofences.add(connection, "Poznan", POZNAN, 5_000.0, BEGIN_S)
    trip = book(database, BEGIN_S).trip
    came = [(1, 1, elsewhere), (2, 4, there), (3, 10, there), (5, 20, there)]
    deliver(database, [fix(seq, BEGIN_S + hour * HOUR_S, *place) for seq, hour, place in came], NOW_S)
    began_s = BEGIN_S + 12 * HOUR_S
    with database.writing() as connection:
        assert trips.ended_s(connection, trip) == BEGIN_S + 10 * HOUR_S + 1
        trips.start(connection, OTHER, "CSQU3054383", "east", "Brest", 3600, began_s)
    # It had left again within the hour, and was never there for one.
    late = [(6, 5), (7, 9), (8, 11), (9, 19)]
    deliver(database, [fix(seq, BEGIN_S + hour * HOUR_S, *elsewhere) for seq, hour in late], NOW_S)
    with database.reading() as connection:
        assert trips.ended_s(connection, trip) == began_s
        assert trips.twice(connection) == []


def offers_and_trips(database: Database) -> tuple[list[Any], list[int]]:
    with database.reading() as connection:
        return offers.current(connection, DEVICE), [each.trip for each in trips.every(connection)]


def answer(database: Database, tenant: str, leaf: str) -> list[Any]:
    """What is in the outbox for a tenant; every event keeps the schema."""
    schema = Draft202012Validator(json.loads((PROTOCOL / "event.schema.json").read_text()))
    with database.reading() as connection:
        mine = [each for each in outbox.head(connection, 10_000) if f"/out/{tenant}/" in each.topic]
        for each in mine:
            if "/event/" in each.topic:
                schema.validate(json.loads(each.payload))
        whole = [finished(connection, each) for each in mine if each.topic.endswith(leaf)]
    return [json.loads(each.payload) for each in whole if each]


@pytest.mark.parametrize(("changes", "cause"), [({"events": LIGHT}, "light"), ({"motion": 3}, "motion")])
def test_first_light_or_motion_is_suggested_once(database, changes, cause):
    deliver(database, [at(1), at(2)], NOW_S)
    assert offered(database) == []
    deliver(database, [at(3, **changes), at(4, motion=9, events=LIGHT)], NOW_S)
    assert offered(database) == [(3, cause, "Brest")]
    (message,) = answer(database, OPERATOR, "event/start-suggested")
    assert (message["trip"], message["latitude"], message["time"]) == (None, 52.1, iso(BEGIN_S + 3 * HOUR_S))


def test_nothing_is_suggested_of_a_time_before_the_device_was_added(database):
    deliver(database, [fix(1, BEGIN_S - 1, *BREST), at(2)], NOW_S)
    assert offered(database) == []


def test_it_is_gone_when_a_trip_starts_and_comes_again_after_it(database):
    deliver(database, [at(1), at(3, motion=9)], NOW_S)
    deliver(database, [at(hour) for hour in range(4, 9)], NOW_S)
    book(database, NOW_S)
    assert offered(database) == []
    assert [each["retracts"] for each in answer(database, OPERATOR, "event/retraction")] == [
        f"{DEVICE}/3/start-suggested"
    ]
    deliver(database, [at(2, motion=9), at(41, motion=9)], NOW_S + 2 * HOUR_S)
    assert offered(database) == []
    with database.writing() as connection:
        trips.end(connection, 1, NOW_S + 2 * HOUR_S)
    deliver(database, [at(42, motion=9), at(43, motion=9)], NOW_S + 3 * HOUR_S)
    assert offered(database) == [(42, "motion", "Brest")]


def test_a_trip_without_points_separates_two_suggestions(database):
    deliver(database, [at(1, motion=9)], NOW_S)
    book(database, NOW_S)
    with database.writing() as connection:
        trips.end(connection, 1, NOW_S + 1)
    deliver(database, [at(42, motion=9)], NOW_S + 3 * HOUR_S)
    assert offered(database) == [(42, "motion", "Brest")]


def test_an_accepted_suggestion_puts_stored_points_on_the_trip(database):
    deliver(database, [at(1), at(2, motion=9, events=LIGHT), at(3, 52.1, 23.0, motion=9)], NOW_S)
    ((seq, _, _),) = offered(database)
    assert seq == 2 and answer(database, "acme", "track") == []
    assert book(database, BEGIN_S + 2 * HOUR_S).points == 2
    with database.reading() as connection:
        assert [each.trip for each in points.track(connection, DEVICE)] == [None, 1, 1]
        found = {each.type: each for each in events.of_trip(connection, 1)}
    alarm = found["alarm"]
    assert json.loads(found["geofence"].content)["action"] == "leave"
    assert alarm.tenant == "acme" and alarm.seq == 2
    assert offered(database) == []
    (track,) = answer(database, "acme", "track")
    assert len(track["features"]) == 2
    assert len(answer(database, "acme", "position")) == 1
    gone = {each["retracts"] for each in answer(database, OPERATOR, "event/retraction")}
    assert gone >= {f"{DEVICE}/2/start-suggested", f"{DEVICE}/2/alarm-light"}
    assert not [each for each in believed(database) if "start-suggested" in each]


def test_whatever_comes_first_the_suggestion_is_the_same(tmp_path):
    taken = [at(1), at(2, motion=9), at(3, 53.0, 23.7, motion=9), at(4, events=LIGHT)]
    for number, order in enumerate(permutations(taken)):
        database = opened(str(tmp_path / f"{number}.sqlite3"))
        for each in order:
            deliver(database, [each], NOW_S)
        assert offered(database) == [(2, "motion", "Brest")]
        assert {each for each in believed(database) if "suggested" in each} == {f"{DEVICE}/2/start-suggested"}
        database.close()


@pytest.mark.parametrize(
    ("from_s", "complaint"),
    [
        (BEGIN_S - 1, "was added at"),
        (NOW_S + 1, "in the future"),
        (BEGIN_S + 20 * HOUR_S - 1, "trip 1 of .* ended at"),
    ],
)
def test_a_start_that_cannot_be_is_refused(database, from_s, complaint):
    if "ended" in complaint:
        book(database, BEGIN_S)
        with database.writing() as connection:
            trips.end(connection, 1, BEGIN_S + 20 * HOUR_S)
    with pytest.raises(UserError, match=complaint):
        book(database, from_s)


def test_by_command(tmp_path, monkeypatch, capsys):
    def landbridge(*arguments: str) -> str:
        with pytest.raises(SystemExit):
            app(arguments)
        return "".join(capsys.readouterr())

    monkeypatch.setenv("LANDBRIDGE_CONFIG", str(tmp_path / "landbridge.toml"))
    (tmp_path / "landbridge.toml").write_text("")
    deliver(opened(str(tmp_path / "landbridge.sqlite3")), [at(1), at(2, motion=9)], NOW_S)
    begin = str(iso(BEGIN_S + 2 * HOUR_S))
    assert f"--from {begin}" in landbridge("trips", "suggestions")
    booked = ("--container", "CSQU3054383", "--route", "west", "--destination", "Poznan")
    assert "'soon' is not a time" in landbridge("trips", "start", DEVICE, *booked, "--from", "soon")
    assert "1 points" in landbridge("trips", "start", DEVICE, *booked, "--from", begin)
    assert begin in landbridge("trips", "list") and DEVICE not in landbridge("trips", "suggestions")
