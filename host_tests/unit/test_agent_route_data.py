"""Routes and route data: what the agent writes, the device reads; files that are wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from landbridge.core.errors import UserError
from landbridge.db.database import Database
from landbridge.features.coverage import encoding
from landbridge.features.routes import coding as wire
from landbridge.features.routes import handler as guides
from landbridge.features.trips import queries as trips
from landbridge.geo import route as line
from landbridge.geo import timetable
from landbridge.protocol import route_data
from landbridge.protocol.limits import WireError
from landbridge.protocol.route_data import Network
from landbridge.protocol.uplink import PULL_KEY, Uplink
from locator.scheduler import route, route_file

from host_tests.support import short_route
from host_tests.support.agent import DEVICE, NOW_S
from host_tests.support.short_route import start

W1 = line.read(Path(__file__).parents[2] / "tools" / "world" / "data" / "w1.csv")
NETWORKS = [Network(460000, 208, 55), Network(460001, 0, 0), Network(262001, 100, 97)]
TILES = [i % 5 | (route_data.LEARNED if i % 3 else 0) for i in range(route_data.tile_count(W1))]
WHOLE = encoding.build(7, W1, TILES, NETWORKS)
HEAD = "name,country,lat,lon,kind\n"
GOOD = "A,KZ,50,60,hub\nB,KZ,50,58,line\nC,RU,50,56,hub\n"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with short_route.stored(tmp_path) as made:
        yield made


def reader() -> route.Route:
    assert len(WHOLE) < 3_400 and route.is_whole(WHOLE) and route_file.revision_of(WHOLE) == 7
    return route.Route(WHOLE)


READER = reader()


@given(st.floats(0, W1[-1].km), st.integers(0, 600), st.floats(-0.05, 0.05))
def test_device_and_agent_find_a_place_at_the_same_kilometre_of_the_route(km, ahead_km, aside):
    lat, lon = line.position(W1, km)
    before_km = km - ahead_km
    found = line.find(W1, lat + aside, lon + aside, before_km)
    assert found is not None
    km4 = READER.find(round(1e7 * (lat + aside)), round(1e7 * (lon + aside)), max(0, int(4 * before_km)))
    assert abs(km4 / 4 - found) < 2 + 60 * abs(aside)
    assert abs(found - km) < 0.01 + 250 * abs(aside)


@given(st.floats(0, W1[-1].km), st.booleans(), st.floats(0, 4), st.floats(0, 8))
def test_the_device_forecasts_the_remaining_time_of_the_timetable(km, moving, since_h, stood):
    km = round(4 * km) / 4
    rows = timetable.timetable(W1)
    index = max(i for i, row in enumerate(rows) if round(4 * row.km) <= round(4 * km) + 12)
    here, after = rows[index], rows[min(index + 1, len(rows) - 1)]
    stood_h = stood * here.median_h
    there = READER.forecast(round(4 * km), moving, int(3_600 * since_h), int(3_600 * stood_h))
    hours, variance = here.after_h, here.variance
    if km - here.km < 3 and not moving:
        mean, more = timetable.rest_of_stop(stood, here.sigma)
        hours, variance = hours + mean * here.median_h, variance + more * here.median_h**2
    elif after.km > here.km:
        part = min(max((km - here.km) / (after.km - here.km), 0), 1)
        hours += (after.arrival()[0] - here.after_h) * part - (since_h if moving else 0)
    near_h = 0.1 + 0.05 * here.median_h
    assert there.to_go_s / 3_600 == pytest.approx(max(0, hours), abs=near_h)
    assert there.deviation_s / 3_600 == pytest.approx(math.sqrt(variance), rel=0.05, abs=near_h)


def test_tile_and_network_survive_encoding():
    rng = random.Random(1)
    for _ in range(300):
        km4 = rng.randrange(4 * int(W1[-1].km))
        there = READER.forecast(km4, True, 0, 0)
        tile = TILES[km4 // 4 // encoding.TILE_KM]
        assert (there.bin, there.learned) == (tile & 7, 1 if tile & route_data.LEARNED else 0)
    there = READER.forecast(0, True, 0, 0)
    assert (there.networks, there.costs, there.shares) == ((460000, 460001), (208, 0), (55, 0))


def test_seconds_to_the_border_end_at_the_last_station_before_it():
    rows = timetable.timetable(W1)
    last = max(i for i, point in enumerate(W1) if point.country == "CN")
    there = READER.forecast(4 * 2_000, True, 0, 0)
    assert there.to_go_s - there.country_s == pytest.approx(3_600 * rows[last].after_h, abs=120)
    assert READER.forecast(4 * 10_000, True, 0, 0).mcc == 262


@given(st.floats(0.01, 15), st.sampled_from([0.5, 0.7, 0.8, 1.0]))
@settings(max_examples=30)
def test_the_rest_of_a_stop_is_the_mean_of_those_that_last_so_long(stood, sigma):
    # Midpoints of 20,000 equal slices of the normal distribution above z.
    z = math.log(stood) / sigma
    step = (9 - z) / 20_000
    middles = [z + (i + 0.5) * step for i in range(20_000)]
    weights = [math.exp(-x * x / 2) for x in middles]
    mean = sum(w * math.exp(sigma * x) for w, x in zip(weights, middles, strict=True)) / sum(weights)
    assert timetable.rest_of_stop(stood, sigma)[0] == pytest.approx(mean - stood, rel=0.02)


def test_route_data_that_are_too_large_are_refused():
    with pytest.raises(WireError, match="4096"):
        encoding.build(7, W1, [0] * 9_000, NETWORKS)
    with pytest.raises(WireError):
        encoding.build(7, W1 * 3, TILES, NETWORKS)


def test_where_a_route_is_too_long_a_tile_stands_for_two():
    tiles = [0, 4, 1, 4] * 1_000
    long = route.Route(encoding.build(7, W1, tiles, NETWORKS))
    assert [long.forecast(4 * km, True, 0, 0).bin for km in (0, 5, 10, 15, 20)] == [0, 0, 1, 1, 0]


def test_pieces_make_the_whole():
    pieces = [wire.piece(WHOLE, 7, offset) for offset in range(0, len(WHOLE), wire.PIECE_BYTES)]
    assert b"".join(each[2] for each in pieces) == WHOLE


@pytest.mark.parametrize("item", [None, [1, 2], [1, 2, -1], [1, 2, 4097], [1, 2, "3"], [1 << 31, 0, 0]])
def test_an_invalid_report_is_refused(item):
    with pytest.raises(WireError):
        wire.decode_report(item)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "row 1: no column name"),
        ("name,country,lat,lon\nA,KZ,50,60\n", "row 1: no column kind"),
        (HEAD + "A,KZ,50,60,hub\n", "1 stations"),
        (HEAD + "A,KZ,50,60,hub\nB,XX,50,58,hub\n", "row 3, column country: 'XX'"),
        ("# a comment\n" + HEAD + "A,KZ,50,60,hub\nB,KZ,50,x,hub\n", "row 4, column lon: 'x'"),
        (HEAD + "A,KZ,91,60,hub\n", "row 2, column lat: 91"),
        (HEAD + "A,KZ,50,60,port\n", "row 2, column kind: 'port'"),
        (HEAD + "A,KZ,50,60,hub\nB,KZ,50,60,hub\n", "row 3, column lat"),
        (HEAD + "A,KZ,50,60\n", "row 2, column kind: None"),
        (HEAD + "A,KZ,50,nan,hub\n", "row 2, column lon: nan"),
        (HEAD + "A,KZ,10,-170,hub\nB,KZ,10,5,hub\n", "row 3, column lat: kilometre"),
        (HEAD + "A,KZ,50,-170,hub\nB,KZ,50,170,hub\n", "row 3, column lon: a route cannot cross"),
        ("name,country,lat,lon,kind,km\nA,KZ,50,60,hub,9\nB,KZ,50,58,hub,8\n", "row 3, column km"),
    ],
)
def test_a_wrong_line_is_refused_with_row_and_column(tmp_path, text, says):
    path = tmp_path / "line.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=f"line.csv: {says}"):
        line.read(path)


def test_kilometres_are_computed_where_a_route_has_none(tmp_path):
    path = tmp_path / "line.csv"
    path.write_text("\ufeff" + HEAD + GOOD)
    found = line.read(path)
    chord_km = 2 * 111.195 * math.cos(math.radians(50))
    assert [point.km for point in found] == pytest.approx([0, 1.054 * chord_km, 2.108 * chord_km], rel=1e-3)


# What the agent learns, and what it hands out.


def end(database: Database, trip: int, now_s: int) -> None:
    with database.writing() as connection:
        trips.end(connection, trip, now_s)


def hears(database: Database, *report: int, others: dict[int, Any] | None = None) -> Any:
    """The order about route data that answers an uplink, None for none."""
    with database.writing() as connection:
        reports = {wire.REPORT_KEY: list(report)} if report else {}
        uplink = Uplink(reports=reports | (others or {}))
        guides.on_report(connection, DEVICE, uplink, NOW_S)
        return guides.pending(connection, DEVICE, uplink, NOW_S).get(wire.PIECE_KEY)


def test_a_device_gets_route_data_piece_by_piece_until_it_reports_all(database):
    assert hears(database, 0, 0, 0) is None  # on no trip
    trip = start(database)
    data, said = b"", (0, 0, 0)
    while order := hears(database, *said):
        revision, offset, piece = order
        assert (revision, offset) == (NOW_S, len(data)) and len(piece) <= wire.PIECE_BYTES
        data += piece
        said = (NOW_S, 0, 0) if route.is_whole(data) else (0, NOW_S, len(data))
    assert route.Route(data).forecast(0, True, 0, 0).mcc == 401 and hears(database) is None
    end(database, trip, NOW_S + 10)
    assert hears(database) == [0] and hears(database, NOW_S, 0, 0) == [0]
    assert hears(database, 0, 0, 0) is None


def test_a_device_that_does_not_support_route_data_is_sent_none(database):
    start(database)
    assert hears(database) is None
    assert hears(database, 0, 0, 0)


def test_another_trip_has_other_route_data_and_a_trip_on_an_unknown_route_none(database):
    end(database, start(database), NOW_S + 10)
    trip = start(database, now_s=NOW_S + 20)
    assert hears(database, NOW_S, NOW_S, 100)[:2] == [NOW_S + 20, 0]
    end(database, trip, NOW_S + 30)
    start(database, "nowhere", NOW_S + 40)
    assert hears(database, NOW_S + 20, 0, 0) == [0]


def test_a_device_that_never_gets_further_is_left_alone(database):
    start(database)
    answers = [hears(database, 5, 0, 0) is not None for _ in range(2 * guides.MOST_ATTEMPTS)]
    assert sum(answers) == guides.MOST_ATTEMPTS and answers[0] and not answers[-1]
    assert hears(database, 5, NOW_S, 100)[1] == 100  # it moves


def test_a_piece_of_a_release_goes_first(database):
    start(database)
    assert hears(database, 0, 0, 0, others={PULL_KEY: [1, 0, 0]}) is None
    assert hears(database)


def test_a_report_that_is_none_changes_nothing(database):
    hears(database, 0, 0, 0)
    with pytest.raises(WireError):
        hears(database, 1, 2, 9_999)
    start(database)
    assert hears(database)[:2] == [NOW_S, 0]
