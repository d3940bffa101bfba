import numpy as np
import pytest

from tools.lab.experiments import SETTINGS, TRACE
from tools.lab.instances import draw
from tools.lab.pacing import pacing_table
from tools.lab.physics import run
from tools.lab.pilot import Ours
from tools.lab.radio import SILENT_DBM
from tools.lab.routes import FileError, corridor, read_route
from tools.lab.traces import read_trace
from tools.world.radio.coverage import USABLE_DBM


def test_trips_are_like_those_of_the_world():
    trips = [draw(route, seed, "bg95") for route in ("w1", "n1") for seed in range(4)]
    assert all(22 < trip.days < 60 for trip in trips)
    assert 0.25 < np.mean([trip.moving.mean() for trip in trips]) < 0.45
    assert 0.95 < np.mean([trip.sky.mean() for trip in trips]) < 0.97
    assert -60 < min(trip.battery_c.min() for trip in trips) < -14
    assert 10.5 < np.std(np.concatenate([trip.rsrp[trip.rsrp > USABLE_DBM] for trip in trips])) < 25


def test_usable_fraction_by_country_is_that_of_the_world():
    trips = [draw("w1", seed, "bg95") for seed in range(6)]
    fraction = {}
    for country in ("CN", "KZ", "RU", "DE"):
        usable = []
        for trip in trips:
            here = (np.array(trip.country) == country) & trip.moving
            usable.append((trip.rsrp[:, here] > USABLE_DBM).any(axis=0))
        fraction[country] = float(np.concatenate(usable).mean())
    assert 0.75 < fraction["CN"] < 0.95
    assert 0.40 < fraction["KZ"] < 0.62
    assert 0.78 < fraction["RU"] < 0.94
    assert fraction["DE"] > 0.97


def test_same_seed_same_trip_and_another_seed_another():
    one, two, other = (draw("drawn-3", seed, "sim7600") for seed in (1, 1, 2))
    assert np.array_equal(one.rsrp, two.rsrp) and np.array_equal(one.km, two.km)
    assert len(one.km) != len(other.km) or not np.array_equal(one.km, other.km)


def test_networks_are_silent_outside_their_country():
    trip = draw("w1", 1, "bg95")
    for row, network in enumerate(trip.networks):
        abroad = np.array(trip.country) != network.country
        assert (trip.rsrp[row, abroad] == SILENT_DBM).all()


def test_thinning_takes_the_same_from_every_network():
    trip = draw("n1", 1, "bg95")
    thin = trip.thinned(15)
    heard = trip.rsrp > SILENT_DBM
    assert np.allclose(trip.rsrp[heard] - thin.rsrp[heard], 15)
    assert (thin.rsrp > USABLE_DBM).sum() < (trip.rsrp > USABLE_DBM).sum()


def test_stays_between_stacks_are_long():
    trips = [draw("w1", seed, "bg95", stacked=True) for seed in range(8)]
    blocked = [np.diff(np.flatnonzero(np.diff(trip.sky.astype(int), prepend=1, append=1))) for trip in trips]
    assert max(each[::2].max(initial=0) for each in blocked) > 20


@pytest.mark.parametrize("seed", range(5))
def test_drawn_routes_are_routes(seed):
    here = corridor(f"drawn-{seed}")
    kms = [point.km for point in here.route.waypoints]
    assert kms == sorted(kms) and 4_000 < kms[-1] < 14_000
    assert here.route.waypoints[0].kind == here.route.waypoints[-1].kind == "hub"
    assert all(-180 < point.lon < 180 and 20 < point.lat < 70 for point in here.route.waypoints)


ROUTE = "name,country,lat,lon,kind\nA,CN,34.0,108.0,hub\nB,CN,34.5,107.0,line\nC,KZ,45.0,82.0,hub\n"


def test_a_route_from_a_file_can_be_travelled(tmp_path):
    file = tmp_path / "line.csv"
    file.write_text("# a comment\n" + ROUTE)
    assert [point.name for point in read_route(file)] == ["A", "B", "C"]
    trip = draw(str(file), 1, "bg95")
    assert trip.km[-1] <= read_route(file)[-1].km and {"CN", "KZ"} == set(trip.country)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ROUTE.replace("34.5", "north"), "row 3, column lat: 'north' is not a number"),
        (ROUTE.replace("34.5", "134.5"), "row 3, column lat: 134.5 is not between"),
        (ROUTE.replace("B,CN", "B,XX"), "row 3, column country"),
        (ROUTE.replace("107.0,line", "107.0,siding"), "row 3, column kind"),
        (ROUTE.replace("34.5,107.0", "34.0,108.0"), "row 3, column lat: not further along the route"),
        (ROUTE.replace("lon,", "long,"), "row 1: no column lon"),
        ("name,country,lat,lon,kind\n", "0 stations; a route has 2 to 120"),
    ],
)
def test_a_wrong_route_file_is_reported_by_row_and_column(tmp_path, text, says):
    file = tmp_path / "line.csv"
    file.write_text(text)
    with pytest.raises(FileError) as error:
        read_route(file)
    assert says in str(error.value) and str(file) in str(error.value)


def trace(changes=()):
    rows = [
        [f"2026-01-05T{minute // 60:02}:{minute % 60:02}:00", f"{50 + minute / 500:.4f}", "20.0", plmn, dbm]
        for minute in range(0, 240, 5)
        for plmn, dbm in (("26001", "-90"), ("26003", "-115"))
    ]
    for row, column, value in changes:
        rows[row - 2][column] = value
    return "time,lat,lon,operator,RSRP\n" + "".join(",".join(row) + "\n" for row in rows)


def test_a_recording_is_a_trip(tmp_path):
    file = tmp_path / "trace.csv"
    file.write_text(trace())
    trip = read_trace(file)
    assert trip.slots == 8 and trip.moving[:-1].all()
    assert [network.plmn for network in trip.networks] == ["26001", "26003"]
    assert (trip.rsrp == [[-90.0], [-115.0]]).all() and set(trip.country) == {"PL"}


@pytest.mark.parametrize("route", ["trace", "route"])
def test_a_trip_of_a_file_is_evaluated_in_any_country(tmp_path, route):
    file = tmp_path / "file.csv"
    file.write_text(trace() if route == "trace" else ROUTE.replace("CN", "TR").replace("KZ", "GE"))
    trip = SETTINGS[0].trip(f"{TRACE}{file}" if route == "trace" else str(file), 1)
    assert set(trip.country) == ({"PL"} if route == "trace" else {"TR", "GE"})
    ours = Ours("bg95", pacing_table("bg95", "both"))
    assert run(trip, ours.factory(), SETTINGS[0].mission(trip, 300.0)).fixes


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((9, 0, "noon"), "row 9, column time: 'noon'"),
        ((9, 1, "x"), "row 9, column lat: 'x' is not a number"),
        ((9, 3, "Orange"), "row 9, column operator: 'Orange'"),
        ((9, 3, "99901"), "row 9, column operator: 99901 is not MCC and MNC of a country"),
        ((9, 4, "-300"), "row 9, column RSRP: -300 is not between"),
        ((9, 0, "2026-01-04T00:00:00"), "row 9, column time: earlier than the row before"),
    ],
)
def test_a_wrong_recording_is_reported_by_row_and_column(tmp_path, change, says):
    file = tmp_path / "trace.csv"
    file.write_text(trace([change]))
    with pytest.raises(FileError, match="row 9") as error:
        read_trace(file)
    assert says in str(error.value)
