"""The train and the weather of a trip against what is known of speeds, dwells and winters."""

from __future__ import annotations

import functools
import random
from collections import defaultdict
from statistics import mean, median

import pytest

from tools.world.demo.figures import LEAST_COLD_H
from tools.world.nature.weather import Weather
from tools.world.rail.route import Route
from tools.world.rail.train import DWELLS, HOUR_MS, LONGEST_DWELL_H, SPEED_KMH, Train
from tools.world.trip import DAY_MS, START_UTC_S, Trip

ROUTE = Route.read()


@functools.cache
def trains() -> list[Train]:
    """Those of so many trips."""
    return [Train.draw(ROUTE, random.Random(f"{seed}/train")) for seed in range(120)]


def test_a_trip_takes_three_and_a_half_to_eight_weeks_and_mostly_less_than_45_days() -> None:
    days = sorted(train.arrival_ms / DAY_MS for train in trains())
    assert 23 < days[0] and days[-1] < 60
    assert 30 < median(days) < 38
    assert mean(day < 45 for day in days) > 0.9


def test_dwells_have_the_medians_of_their_kind() -> None:
    hours = defaultdict(list)
    for train in trains():
        for stop in train.segments[:-1]:
            if stop.kind != "run":
                name = stop.name if stop.name in DWELLS else stop.kind
                hours[name].append((stop.end_ms - stop.start_ms) / HOUR_MS)
    assert hours.keys() == DWELLS.keys()
    for name, (median_h, _) in DWELLS.items():
        assert median(hours[name]) == pytest.approx(median_h, rel=0.3), name
        assert max(hours[name]) <= LONGEST_DWELL_H


def test_running_speeds_are_those_of_the_countries() -> None:
    speeds = defaultdict(list)
    for train in trains()[:40]:
        for run in train.segments:
            if run.kind == "run":
                speeds[ROUTE.country(run.start_km)].append(train.speed_kmh(run.start_ms))
    for country, kmh in SPEED_KMH.items():
        assert median(speeds[country]) == pytest.approx(kmh, rel=0.1), country


def test_a_quarter_to_a_half_of_the_time_is_moving() -> None:
    shares = []
    for train in trains()[:30]:
        slots = range(0, train.arrival_ms, HOUR_MS // 2)
        shares.append(mean(train.km(ms + HOUR_MS // 2) - train.km(ms) > 0.2 for ms in slots))
    assert 0.15 < min(shares) and max(shares) < 0.5
    assert 0.27 < mean(shares) < 0.45


def test_the_train_never_runs_back_and_is_where_it_passes() -> None:
    train = trains()[0]
    track = [train.km(ms) for ms in range(0, train.arrival_ms + DAY_MS, HOUR_MS)]
    assert track == sorted(track)
    assert track[-1] == ROUTE.length_km
    for border in ROUTE.borders:
        assert train.km(train.passes_ms(border.km)) == pytest.approx(border.km, abs=0.01)


def test_the_countries_come_in_order() -> None:
    kms = range(int(ROUTE.length_km))
    assert list(dict.fromkeys(ROUTE.country(km) for km in kms)) == ["CN", "KZ", "RU", "BY", "PL", "DE"]


def test_winter_is_as_cold_as_it_is_known_to_be() -> None:
    lows, lags = [], []
    for seed, train in enumerate(trains()[:25]):
        weather = Weather(random.Random(f"{seed}/weather"), train.position, START_UTC_S, train.arrival_ms)
        moments = range(0, train.arrival_ms, HOUR_MS)
        lows.append(min(weather.battery_c(ms) for ms in moments))
        lags.append(mean(abs(weather.battery_c(ms) - weather.ambient_c(ms)) for ms in moments))
    assert -51 < min(lows) and max(lows) < -13
    assert -35 < median(lows) < -20
    assert mean(lags) > 0.5


def test_a_cold_wave_is_a_day_and_more_below_minus_35() -> None:
    for seed in range(6):
        trip = Trip(seed, "bg95", 45, season="extreme")
        usual = Trip(seed, "bg95", 45)
        assert trip.weather.hours_below(-35.0, trip.end_ms) >= LEAST_COLD_H
        assert trip.weather.hours_below(-52.0, trip.end_ms) == 0  # the lowest of a winter on the route is -45
        assert usual.weather.hours_below(-35.0, usual.end_ms) < LEAST_COLD_H
        assert trip.position(DAY_MS) == usual.position(DAY_MS)


def test_the_steppe_has_its_january_mean() -> None:
    place = (46.85, 74.9)
    means = []
    for seed in range(40):
        weather = Weather(random.Random(f"{seed}/weather"), lambda ms: place, START_UTC_S, 10 * DAY_MS)
        means.append(mean(weather.ambient_c(ms) for ms in range(0, 10 * DAY_MS, HOUR_MS)))
    assert mean(means) == pytest.approx(-14, abs=3)
