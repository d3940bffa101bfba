"""Each kind of event: found where it is, not found where it is not, taken back when it was not true."""

import json
from typing import Any

import pytest
import shapely
from landbridge.cli import app
from landbridge.db.database import open_database
from landbridge.events.queries import events
from landbridge.features.devices import queries as devices
from landbridge.features.trips import queries as trips
from landbridge.points import quality
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from landbridge.tracking import geofences, silence
from landbridge.tracking import queries as tracking
from landbridge.tracking.detected import to_track_point
from landbridge.tracking.recompute import recompute

from host_tests.support.agent import DEVICE, heard
from host_tests.support.tracked import AT_POZNAN, RECEIVED_S, answer, hours
from host_tests.support.trips import (
    BEGIN_S,
    HOUR_S,
    POZNAN,
    believed,
    deliver,
    fix,
    fleet,
)
from tools.verify.harness.stored import store


def test_a_stop_and_a_departure_at_a_station():
    stand = (52.25, 21.1, "PL")
    with fleet() as database:
        deliver(database, hours((52.2, 22.0, "PL"), stand, stand, (52.3, 20.0, "PL")), RECEIVED_S)
        (stop,), (left,) = answer(database, "stop"), answer(database, "departure")
        # The geofence is smaller than the country and has no name but its own.
        assert stop["place"] == left["place"] == "Warsaw"
        assert (stop["seq"], left["seq"], left["stood_s"]) == (3, 4, HOUR_S)
        assert stop["not_before"] < stop["since"] < stop["time"] < left["time"]


@pytest.mark.parametrize("changes", [{"lat": 0, "lon": 0}, {"kind": 2}])
def test_a_stop_is_published_at_its_place_whatever_its_last_point(changes):
    stand = (52.25, 21.1, "PL")
    with fleet() as database:
        deliver(database, hours((52.2, 22.0, "PL"), stand), RECEIVED_S)
        deliver(database, [fix(3, BEGIN_S + 4 * HOUR_S, *stand, motion=0)._replace(**changes)], RECEIVED_S)
        (stop,) = answer(database, "stop")
        assert (stop["seq"], stop["latitude"], stop["longitude"]) == (3, 52.25, 21.1)


def test_a_halt_of_less_than_an_hour_is_no_stop():
    with fleet() as database:
        deliver(database, hours((52.25, 21.5, "PL"), (52.25, 21.5, "PL"), step_h=0.9), RECEIVED_S)
        assert answer(database, "stop") == []


def test_a_stop_longer_than_usual():
    with fleet() as database:
        stop = [(52.25, 21.1, "PL")] * 3
        deliver(database, hours((52.2, 22.0, "PL"), *stop, step_h=5), RECEIVED_S)
        (dwell,) = answer(database, "dwell")
        assert (dwell["seq"], dwell["usual_s"]) == (4, 3 * HOUR_S)


def test_a_border_is_agreed_by_place_and_network():
    with fleet() as database:
        deliver(database, hours((52.1, 24.5, "BY"), (52.1, 23.0, "BY"), (52.1, 22.5, "PL")), RECEIVED_S)
        (border,) = answer(database, "border")
        assert (border["id"], border["from"], border["to"]) == (f"{DEVICE}/3/border-pl", "BY", "PL")
        assert border["agreed"]


def test_tracking_does_not_begin_in_a_country_that_only_a_network_shows():
    with fleet() as database:
        heard_only = fix(1, BEGIN_S + HOUR_S, 0, 0, "PL", kind=2).meaningful()
        deliver(database, [heard_only, *hours((52.1, 24.0, "BY"), first=2)], RECEIVED_S)
        assert answer(database, "border") == []
        deliver(database, hours((52.1, 22.5, "PL"), first=3), RECEIVED_S)
        assert [(each["from"], each["to"]) for each in answer(database, "border")] == [("BY", "PL")]


@pytest.mark.parametrize(("points_there", "crossings"), [(6, 0), (7, 1)])
def test_a_border_that_only_one_side_shows_is_flagged_after_six_hours(points_there, crossings):
    with fleet() as database:
        beyond = [(52.1, 22.0 - 0.3 * n, "BY") for n in range(points_there)]
        deliver(database, hours((52.1, 24.5, "BY"), *beyond), RECEIVED_S)
        borders = answer(database, "border")
        assert [(each["agreed"], each["by"]) for each in borders] == [(False, "place")] * crossings


def test_a_network_from_beyond_the_border_is_no_crossing():
    with fleet() as database:
        deliver(database, hours(*[(52.09, 23.72, "BY"), (52.09, 23.72, "PL")] * 6), RECEIVED_S)
        assert answer(database, "border") == []


def test_a_gap_is_taken_back_when_it_is_filled():
    with fleet() as database:
        before, after = hours((52.1, 24.5, "BY")), hours((52.2, 22.0, "PL"), first=40)
        deliver(database, before + after, RECEIVED_S)
        (gap,) = answer(database, "gap")
        assert (gap["missing"], gap["seq"]) == (38, 40)
        deliver(database, hours((52.1, 23.5, "BY"), first=20), RECEIVED_S)
        assert answer(database, "gap") == []
        with database.reading() as connection:
            last = json.loads(events.after(connection, DEVICE, 0, 100)[-1].content)
            assert gap["id"] in {
                json.loads(row.content).get("retracts") for row in events.after(connection, DEVICE, 0, 100)
            }
        assert gap["id"] not in believed(database)
        assert last["type"] in ("retraction", "stop", "eta", "border", "departure", "alarm-cleared")


@pytest.mark.parametrize(("interval_h", "gaps"), [(1, 1), (24, 0)])
def test_a_point_that_comes_by_its_interval_ends_no_gap(interval_h, gaps):
    with fleet() as database:
        with database.writing() as connection:
            trips.end(connection, 1, BEGIN_S)
            line = "CSQU3054383", "west", "Poznan"
            trips.start(connection, DEVICE, *line, interval_h * HOUR_S, BEGIN_S)
        deliver(database, hours((52.1, 23.7, "BY"), (52.1, 23.7, "BY"), step_h=24.5), RECEIVED_S)
        assert len(answer(database, "gap")) == gaps
        deliver(database, hours((52.1, 23.7, "BY"), first=4, step_h=24.5), RECEIVED_S)
        assert len(answer(database, "gap")) == gaps + 1


def test_a_geofence_is_entered_and_left_and_one_between_two_fixes_passed():
    with fleet() as database:
        context = [(52.25, 21.6, "PL"), (52.25, 21.0, "PL"), (52.25, 20.4, "PL")]
        deliver(database, hours(*context), RECEIVED_S)
        assert [(each["geofence"], each["action"]) for each in answer(database, "geofence")] == [
            ("Warsaw", "enter"), ("Warsaw", "leave"),
        ]  # fmt: skip
    with fleet() as database:
        deliver(database, hours(context[0], context[2]), RECEIVED_S)
        assert [(each["geofence"], each["action"]) for each in answer(database, "geofence")] == [
            ("Warsaw", "pass")
        ]


def test_at_the_edge_of_a_geofence_a_poor_fix_changes_nothing():
    geofence = geofences.Geofence(1, "x", shapely.from_geojson(POZNAN), 1_000.0, 0, None)
    east = 1_000 / 111_195 / 0.61
    state = geofences.Geofences()
    good, poor = (hours((52.4, 17.0, "PL"), hdop=hdop)[0] for hdop in (5, 40))

    def found(fix_at: Any, lon: float, at_s: int) -> list[str]:
        checked = quality.check(fix_at._replace(lon=round(lon * 1e5), time=at_s), None, at_s)
        point = to_track_point(StoredPoint(DEVICE, *checked, at_s, None, None))
        return [str(each.details["action"]) for each in state.step(point, (geofence,))]

    assert found(good, 17.0, BEGIN_S) == ["enter"]
    assert found(poor, 17.0 + 1.05 * east, BEGIN_S + 60) == []
    assert found(good, 17.0 + 1.05 * east, BEGIN_S + 120) == ["leave"]


def test_off_the_route_and_back():
    with fleet() as database:
        context = [(52.2, 22.5), (51.2, 22.0), (51.2, 21.5), (52.2, 21.4), (52.25, 21.1)]
        deliver(database, hours(*[(*each, "PL") for each in context], step_h=3), RECEIVED_S)
        assert [(each["seq"], each["action"]) for each in answer(database, "off-route")] == [
            (3, "leave"), (5, "return"),
        ]  # fmt: skip


def test_on_the_way_to_the_route_nothing_has_left_it():
    with fleet() as database:
        there, away = [(54.5, 24.5), (54.2, 24.4), (53.1, 24.0), (52.1, 23.7)], [(50.2, 22.0), (50.2, 21.5)]
        context = [(*each, "BY") for each in [*there, (52.2, 22.5), *away]]
        deliver(database, hours(*context, step_h=3), RECEIVED_S)
        assert [(each["seq"], each["action"]) for each in answer(database, "off-route")] == [(7, "leave")]
        assert answer(database, "eta")[0]["seq"] == 4


def test_a_fix_that_no_train_could_reach_is_flagged_until_the_next_confirms_it():
    with fleet() as database:
        jump = fix(2, BEGIN_S + 2 * HOUR_S, 48.0, 10.0, "PL")
        still = fix(3, BEGIN_S + 3 * HOUR_S, 48.0, 10.0, "PL", kind=3, motion=0).meaningful()
        before = [fix(9, BEGIN_S + HOUR_S // 2, 52.1, 23.7, "BY"), fix(1, BEGIN_S + HOUR_S, 52.1, 23.7, "BY")]
        deliver(database, before, RECEIVED_S, 1)
        deliver(database, [jump, still], RECEIVED_S, 1)

        def quality_flags() -> list[list[str]]:
            with database.reading() as connection:
                return [quality.names(each.flags) for each in points.track(connection, DEVICE)]

        assert quality_flags() == [[], [], ["implied speed"], []]
        with database.reading() as connection:
            device = devices.find(connection, DEVICE)
            assert device is not None
            assert device.position_seq == 1
        deliver(database, [fix(4, BEGIN_S + 4 * HOUR_S, 48.0, 10.1, "PL")], RECEIVED_S, 1)
        assert quality_flags() == [[], [], [], [], []]
        deliver(database, [fix(5, BEGIN_S + 5 * HOUR_S, 52.1, 23.7, "PL")], RECEIVED_S, 1)
        deliver(database, [fix(6, BEGIN_S + 6 * HOUR_S, 48.0, 10.2, "PL")], RECEIVED_S, 1)
        assert quality_flags() == [[], [], [], [], [], ["implied speed"], []]


def test_a_missed_session_is_published_once_and_again_when_it_comes():
    with fleet() as database:
        deliver(database, hours((52.1, 23.7, "BY")), RECEIVED_S)
        with database.writing() as connection:
            heard(connection, DEVICE, RECEIVED_S, RECEIVED_S + HOUR_S)
            due_s = RECEIVED_S + HOUR_S + silence.GRACE_S

            def look(after_s: int) -> int:
                return silence.check_due(connection, [DEVICE], 0, due_s + after_s)

            assert [look(0), look(1), look(60)] == [0, 1, 0]
            heard(connection, DEVICE, due_s + 90)
            assert [look(100), look(101)] == [1, 0]
            rows = events.after(connection, DEVICE, 0, 100)
        answer(database, "none")
        alarms = [json.loads(row.content)["alarm"] for row in rows if row.type == "alarm"]
        assert alarms == ["silent", "heard-again"]


def test_the_silence_of_a_trip_is_none_of_the_trip_before():
    with fleet() as database:
        deliver(database, [fix(1, BEGIN_S + HOUR_S, *AT_POZNAN)], BEGIN_S + 2 * HOUR_S)
        with database.writing() as connection:
            before = trips.running(connection, DEVICE)
            assert before is not None
            trips.end(connection, before.trip, BEGIN_S + 3 * HOUR_S)
            trip = trips.start(connection, DEVICE, "MSCU1234566", "west", "Poznan", 3600, RECEIVED_S)
            heard(connection, DEVICE, RECEIVED_S, RECEIVED_S + HOUR_S)
            assert silence.check_due(connection, [DEVICE], 0, RECEIVED_S + HOUR_S + silence.GRACE_S + 1) == 1
            (row,) = [each for each in events.after(connection, DEVICE, 0, 100) if each.type == "alarm"]
        content = json.loads(row.content)
        assert row.trip == content["trip"] == trip and content["container"] == "MSCU1234566"
        assert content["latitude"] is content["plmn"] is None
        answer(database, "none")


def test_events_from_the_command_line(tmp_path, monkeypatch, capsys):
    def landbridge(*arguments: str) -> str:
        with pytest.raises(SystemExit) as done:
            app(arguments)
        output = capsys.readouterr()
        assert done.value.code in (0, None), output.err
        return str(output.out)

    monkeypatch.setenv("LANDBRIDGE_CONFIG", str(tmp_path / "landbridge.toml"))
    (tmp_path / "landbridge.toml").write_text("")
    (tmp_path / "poznan.json").write_text(POZNAN)
    database = open_database(tmp_path / "landbridge.sqlite3")
    with database.writing() as connection:
        devices.add(connection, DEVICE, b"wrapped", BEGIN_S)
    trip = ("--container", "CSQU3054383", "--route", "west", "--destination", "Poznan")
    marks = ("--reference", "order=4711", "--tag", "frozen")
    landbridge("trips", "start", DEVICE, *trip, *marks)
    with database.reading() as connection:
        started_s = trips.every(connection)[0].started_s
    landbridge("geofences", "add", "Poznan", str(tmp_path / "poznan.json"), "--radius", "5000")
    assert "Point  5000" in landbridge("geofences", "list")
    with pytest.raises(SystemExit):
        app(["geofences", "add", "POZNAN", str(tmp_path / "poznan.json"), "--radius", "5000"])
    assert "geofence Poznan already exists" in capsys.readouterr().err
    landbridge(
        "geofences", "add", "Hall", str(tmp_path / "poznan.json"), "--radius", "500", "--tenant", "acme"
    )
    assert "acme" in landbridge("geofences", "list")
    later_s = started_s + 10
    deliver(database, [fix(n, later_s + n * HOUR_S, *AT_POZNAN) for n in (1, 2)], later_s + 3 * HOUR_S)
    assert "Poznan enter" in landbridge("events", "list", DEVICE)
    number = next(row for row in landbridge("events", "list", DEVICE).splitlines() if "enter" in row).split()[
        0
    ]
    assert "Poznan enter" not in landbridge("events", "list", DEVICE, "--after", number)
    landbridge("events", "recompute", DEVICE)
    shown = landbridge("trips", "show", "1")
    assert "order=4711" in shown
    assert "frozen" in shown
    assert f"{DEVICE}/2/stop" in shown
    assert "CSQU3054383" in landbridge("trips", "list", "--tag", "frozen", "--reference", "order=4711")
    assert "CSQU3054383" not in landbridge("trips", "list", "--reference", "order=4712")
    landbridge("geofences", "remove", "Poznan")
    with pytest.raises(SystemExit) as refused:
        app(["trips", "show", "2"])
    assert refused.value.code == 2
    database.close()


def test_a_device_on_no_trip_is_tracked_too():
    with fleet() as database:
        with database.writing() as connection:
            devices.add(connection, "lb-0002", b"wrapped", BEGIN_S)
            checked = [quality.check(each, None, RECEIVED_S) for each in hours(AT_POZNAN, AT_POZNAN)]
            store(connection, "lb-0002", checked, RECEIVED_S)
            tracking.mark(connection, "lb-0002", 0)
            recompute(connection, "lb-0002", RECEIVED_S)
            found = events.inferred_from(connection, "lb-0002", (0, 0))
        assert [(each.type, each.trip) for each in found] == [
            ("geofence", None), ("start-suggested", None), ("stop", None),
        ]  # fmt: skip


def test_a_device_that_is_bound_again_keeps_the_events_of_trips_apart():
    stand = (52.25, 21.1, "PL")
    change_s = BEGIN_S + 4 * HOUR_S + 1
    with fleet() as database:
        with database.writing() as connection:
            trips.end(connection, 1, change_s)
            trips.start(connection, DEVICE, "MSKU0000000", "west", "Poznan", 3600, change_s)
        taken = hours((52.2, 22.0, "PL"), stand, stand, stand, stand, stand, (52.3, 20.0, "PL"))
        deliver(database, taken[4:], RECEIVED_S)
        deliver(database, taken[:4], RECEIVED_S)
        with database.reading() as connection:
            events_of = {
                trip: [(row.type, row.seq) for row in events.of_trip(connection, trip) if row.type != "eta"]
                for trip in (1, 2)
            }
            containers = {
                row.trip: json.loads(row.content)["container"]
                for trip in (1, 2)
                for row in events.of_trip(connection, trip)
            }
        # It was stationary before and after, and the events of one trip do not appear in the other.
        assert events_of[1] == [("geofence", 2), ("stop", 3)]
        assert events_of[2] == [("geofence", 5), ("stop", 6), ("geofence", 7), ("departure", 7)]
        assert containers == {1: "CSQU3054383", 2: "MSKU0000000"}
        (left,) = answer(database, "departure")
        assert [left["since"]] == [each["time"] for each in answer(database, "geofence") if each["seq"] == 5]
