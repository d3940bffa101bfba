"""The usual arrival of containers at the stations of a route: by timetable, and by enough earlier trips."""

from landbridge.features.routes.usual import ENOUGH, usual

from host_tests.support.trips import STATIONS

HOUR_S = 3600


def curve(hours_a_km: float) -> list[tuple[int, float]]:
    """A container that runs evenly and is a little late at its first fix."""
    return [(845_000_000 + int(km * hours_a_km * HOUR_S), km) for km in (0.0, 100.0, 300.0, 480.0)]


def test_without_earlier_trips_the_band_is_around_the_timetable():
    found = usual(STATIONS, [])
    assert [each["km"] for each in found] == [0, 15, 200, 480]
    planned = [each["planned_h"] for each in found]
    assert planned == sorted(planned) and planned[0] == 0 and planned[-1] > 24
    assert all(each["early_h"] <= each["planned_h"] <= each["late_h"] for each in found)
    assert found[-1]["late_h"] - found[-1]["early_h"] > found[1]["late_h"] - found[1]["early_h"]


def test_enough_earlier_trips_make_the_band():
    curves = [curve(each / 100) for each in range(10, 21)]
    end = usual(STATIONS, curves)[-1]
    assert (end["early_h"], end["late_h"]) == (52.8, 91.2)  # 480 km at 0.11 and 0.19 h
    assert usual(STATIONS, curves[: ENOUGH - 1]) == usual(STATIONS, [])


def test_a_station_without_arrivals_keeps_the_timetable():
    short = [[each for each in curve(0.1) if each[1] < 400] for _ in range(ENOUGH)]
    assert usual(STATIONS, short)[-1] == usual(STATIONS, [])[-1]
    assert usual(STATIONS, short)[2]["early_h"] == usual(STATIONS, short)[2]["late_h"] == 20.0
