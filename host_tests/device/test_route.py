"""The route data: where on the route, what is ahead; damaged and senseless files."""

import os

import routes
import scratch
from locator.scheduler import route
from locator.scheduler import route_file as file


def reader():
    return route.Route(routes.made())


def at(lat, lon, before_km4=route.UNKNOWN):
    return reader().find(int(lat * 1e7), int(lon * 1e7), before_km4)


def test_a_place_on_the_line_is_a_kilometre_of_it():
    assert at(50.0, 20.0) == 0 and at(51.8, 20.0) == 800 and at(51.8, 21.45) == 1200
    assert abs(at(50.9, 20.0) - 400) <= 1 and abs(at(51.8, 20.725) - 1000) <= 1
    assert abs(at(50.9, 20.1) - 400) <= 2  # 7 km off it
    assert at(49.9, 20.0) == 0 and at(51.8, 21.5) == 1200  # before its begin, beyond its end
    assert at(50.9, 25.0) == route.UNKNOWN and at(-50.0, -120.0) == route.UNKNOWN


def test_where_a_line_comes_near_itself_the_place_before_decides():
    loop = ((5000000, 2000000), (5200000, 2000000), (5200000, 2020000), (5000000, 2020000))
    stations = [place + (1200 * i, 0, 0, 0, 0, 401, 0) for i, place in enumerate(loop)]
    loops = route.Route(routes.made(stations=stations))
    lat, lon = 500000000, 200800000
    assert loops.find(lat, lon, route.UNKNOWN) == 0
    assert loops.find(lat, lon, 100) == 0
    assert loops.find(lat, lon, 3000) == 3600


def test_time_to_go_on_the_move():
    there = reader().forecast(400, True, 0, 0)
    # Half of the first leg: between 900 after the first station and 480 before the second stop, times 2 min.
    assert there.to_go_s == 120 * (900 + 480) // 2 and there.deviation_s == 120 * 300
    assert there.mcc == 401 and (there.networks, there.costs, there.shares) == ((401001,), (208,), (55,))
    assert there.country_s == 0  # the first station is the last of its country
    later = reader().forecast(400, True, 3600, 0)
    assert later.to_go_s == there.to_go_s - 3600
    stationary = reader().forecast(400, False, 3600, 3600)
    assert stationary.to_go_s == there.to_go_s
    assert reader().forecast(1200, True, 0, 0).to_go_s == 0
    assert reader().forecast(1200, True, 99999, 0).to_go_s == 0


def test_a_stop_that_lasts_longer_than_usual_lasts_longer_still():
    found = [
        reader().forecast(800, False, 0, int(parts * routes.STANDS_S)) for parts in (0, 0.5, 1.75, 5, 99)
    ]
    rests_s = [each.to_go_s - 120 * 330 for each in found]
    # Percent of the median; those between are drawn straight.
    expected = [150, 130, 115, 160, 250]
    assert rests_s == [percent * routes.STANDS_S // 100 for percent in expected]
    assert found[0].deviation_s > 120 * 240 and found[4].deviation_s > found[0].deviation_s


def test_a_border_lies_between_two_stations():
    found = [reader().forecast(km4, True, 0, 0).mcc for km4 in (0, 390, 410, 800, 1200)]
    assert found == [401, 401, 250, 250, 250]
    over = reader().forecast(390, True, 0, 0)
    assert (over.next_mcc, over.leg_s) == (250, 120 * (900 - 480))
    inside = reader().forecast(900, True, 0, 0)
    assert inside.next_mcc == 250
    assert inside.country_s == inside.to_go_s and inside.networks == (250002, 250001)
    assert reader().forecast(0, False, 0, 0).country_s == 0  # the first station is the last of its country


def test_a_forecast_has_its_bin_and_the_coverage_learned_there():
    found = [reader().forecast(km4, True, 0, 0) for km4 in (0, 39, 40, 80, 120, 160, 200, 1200)]
    assert [each.bin for each in found] == [0, 0, 1, 2, 3, -1, -1, -1]
    assert [each.learned for each in found] == [0, 0, 1, 0, 0, 0, 0, 0]


def test_a_bin_that_no_agent_writes_is_unknown():
    for tile in range(16):
        there = route.Route(routes.made(tiles=(tile,))).forecast(0, True, 0, 0)
        known = tile <= 4 or 8 <= tile <= 14
        assert there.bin == (tile & 7 if known else route.UNKNOWN)
        assert there.learned == (1 if known and tile >= 8 else 0)


def test_the_forecast_of_a_route():
    # Tiles of 10 km; from 15 km on in steps of 15 km the best that the fleet has learned.
    tiles = (10, 15, 14, 9, 3, 8) + (15,) * 12
    reader_ahead = route.Route(routes.made(tiles=tiles))
    assert reader_ahead.forecast(0, True, 0, 0).ahead == (6, 1, 0) + (-1,) * 5
    assert reader_ahead.forecast(0, False, 0, 0).ahead == ()
    assert reader_ahead.forecast(160, True, 0, 0).ahead == ()
    # 10 km further on after the time for them, and no further than the next station.
    leg_s = 120 * (900 - 480)
    assert reader_ahead.forecast(120, True, leg_s // 10, 0).bin == 0
    assert reader_ahead.forecast(120, True, 100 * leg_s, 0).bin == route.UNKNOWN


def test_networks_of_a_country():
    there = reader().forecast(1200, True, 0, 0)
    assert (there.networks, there.costs, there.shares) == ((250002, 250001), (100, 0), (40, 0))


def test_a_file_is_read_when_it_is_whole():
    path = scratch.folder()
    assert route.load(path) is None
    good = routes.made()
    cases = [(good, True), (good + b"\0", False), (b"", False), (good[:7], False), (good[:-1], False)]
    cases += [(good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :], False) for i in range(0, len(good), 5)]
    for data, whole in cases:
        with open(path + file.FILE, "wb") as f:
            f.write(data)
        assert (route.load(path) is not None) == whole


def test_a_look_up_gives_all():
    there = reader().forecast(reader().find(509000000, 200000000, route.UNKNOWN), True, 0, 0)
    assert abs(there.to_go_s - 120 * 690) < 300 and there.bin == route.UNKNOWN
    assert reader().find(0, 0, route.UNKNOWN) == route.UNKNOWN


def test_no_file_makes_it_fail():
    head = routes.made()[:8]
    body = len(routes.made()) - 12
    for _ in range(100):
        bad = route.Route(routes.sealed(head + os.urandom(body)))
        for place in (0, 77, 800, 1199, 1200, 65535):
            bad.forecast(place, place & 1 == 0, 1 << 20, 1 << 30)
        for lat, lon, before in ((0, 0, -1), (900000000, 1800000000, 5), (-900000000, -1800000000, 1200)):
            bad.find(lat, lon, before)
