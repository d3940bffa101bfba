"""Each world does what it says: days without a network, a ship, a truck, a stay, a weak battery."""

from __future__ import annotations

import random
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from tools.world import stage, worlds
from tools.world.demo import demo
from tools.world.demo.figures import back_h
from tools.world.device import battery
from tools.world.nature.satellites import OPEN
from tools.world.radio.rules import Bar
from tools.world.rail.motion import Motion
from tools.world.rail.route import Route
from tools.world.rail.train import HOUR_MS, MOVES, RAIL, Pace, Train
from tools.world.trip import DAY_MS, Trip
from tools.world.trip_run import Demo
from tools.world.worlds import USUAL, WORLDS, World

MINUTE_MS = 60_000


def trip(name: str, seed: int = 1, modem: Any = "bg95", **options: Any) -> Trip:
    """One of a world, with its length."""
    return Trip(seed, modem, worlds.days(WORLDS[name], seed), world=WORLDS[name], **options)


def heard(at: Trip, ms: int) -> int:
    """How many cells the modem is shown at a moment."""
    at.env.run(until=ms)
    return len(at.cells())


def test_the_usual_world_is_the_trip_without_a_world() -> None:
    one, other = Trip(3, "bg95"), trip(USUAL, 3)
    assert one.train.segments == other.train.segments and one.route == Route.read()
    assert (one.silences, one.operator_ends_ms, one.battery.kind) == ((), None, battery.KINDS[battery.USUAL])
    assert worlds.days(WORLDS[USUAL], 3) == worlds.USUAL_DAYS


@pytest.mark.parametrize("modem", ["bg95", "sim7600"])
def test_in_the_dark_days_no_network_is_heard_and_then_again(modem: str) -> None:
    dark = trip("dark", 1, modem)
    ((start_ms, end_ms),) = dark.silences
    assert (start_ms, end_ms) == (12 * DAY_MS, 17 * DAY_MS)
    usual = Trip(1, modem)  # type: ignore[arg-type]
    times = range(start_ms - 12 * HOUR_MS, end_ms + 12 * HOUR_MS, 20 * MINUTE_MS)
    counts = [(start_ms <= ms < end_ms, heard(dark, ms), heard(usual, ms)) for ms in times if ms]
    assert all(not cells for inside, cells, _ in counts if inside)
    assert all(cells == as_usual for inside, cells, as_usual in counts if not inside)
    assert any(as_usual for inside, _, as_usual in counts if inside)


@pytest.mark.parametrize("seed", range(1, 8))
def test_the_dark_days_lie_under_way(seed: int) -> None:
    dark = trip("dark", seed)
    ((start_ms, end_ms),) = dark.silences
    assert end_ms - start_ms == 5 * DAY_MS
    assert 0 < start_ms and end_ms < dark.train.arrival_ms
    assert dark.km(end_ms) - dark.km(start_ms) > 300


def test_in_the_dark_the_modem_loses_a_network_that_it_had() -> None:
    dark = trip("dark")
    ((start_ms, _),) = dark.silences
    assert heard(dark, start_ms - 1)
    assert not heard(dark, start_ms)
    assert not dark.refused()


def test_a_ship_takes_nine_days_without_rails_or_networks_under_an_open_sky() -> None:
    sea = trip("sea")
    ((start_ms, end_ms),) = sea.silences
    assert end_ms - start_ms == 9 * DAY_MS
    hours = range(start_ms, end_ms, HOUR_MS)
    assert all(sea.moving(ms) for ms in hours)
    assert [sea.train.segment(ms).kind for ms in (start_ms - 1, start_ms, end_ms)] == [
        "border",
        "sea",
        "gauge",
    ]
    kilometres = [b - a for a, b in pairwise(sea.km(ms) for ms in hours)]
    assert max(kilometres) == pytest.approx(min(kilometres), rel=0.01) and 20 < kilometres[0] < 30
    headings = {round(sea.route.heading_deg(sea.km(ms))) for ms in hours}
    assert len(headings) == 1
    blocked = []
    for ms in hours:
        assert not heard(sea, ms + 1)
        blocked.append(sea.sky().blocked)
    assert sum(blocked) < 0.05 * len(blocked) and sea.satellites.view(start_ms) == OPEN


def test_a_ship_is_detected_on_a_rough_sea_and_hardly_on_a_calm_one() -> None:
    rates = []
    for seed in range(1, 6):
        train = WORLDS["sea"].train(Route.read(), worlds.rng(seed))
        motion = Motion(train, 60 * DAY_MS, random.Random(f"{seed}/motion"))
        rates += [
            each.counts / (each.end_ms - each.start_ms) * MINUTE_MS
            for each in motion.pieces
            if each.kind == "sea"
        ]
    calm = sum(rate < 5 for rate in rates) / len(rates)
    assert len(rates) == 5 * 9 * 4 and 0.1 < calm < 0.6


def test_before_and_after_the_ship_the_trip_is_the_usual_one() -> None:
    route = Route.read()
    usual, sea = (WORLDS[name].train(route, worlds.rng(4)) for name in (USUAL, "sea"))
    ship = next(index for index, each in enumerate(sea.segments) if each.kind == "sea")
    assert sea.segments[:ship] == usual.segments[:ship]
    later_ms = sea.arrival_ms - usual.arrival_ms
    after = sea.segments[ship + 1 :]
    assert tuple(each.later(-later_ms) for each in after) == usual.segments[-len(after) :]
    assert all(a.end_ms == b.start_ms and a.end_km == b.start_km for a, b in pairwise(sea.segments))


def test_a_truck_stops_often_and_its_driver_rests() -> None:
    route = Route.read()
    for seed in range(1, 6):
        truck, rail = WORLDS["truck"].train(route, worlds.rng(seed)), Train.draw(route, worlds.rng(seed))
        segments = truck.segments
        assert all(a.end_ms == b.start_ms and a.end_km == b.start_km for a, b in pairwise(segments))
        kinds = {each.kind for each in segments}
        assert not kinds & {"yard", "gauge", "sea"} and "rest" in kinds
        stops = [sum(each.kind not in MOVES for each in train.segments) for train in (truck, rail)]
        assert stops[0] > 1.5 * stops[1]
        driven_h = 0.0
        for each in segments[:-1]:
            hours = (each.end_ms - each.start_ms) / HOUR_MS
            driven_h = driven_h + hours if each.kind == "run" else 0.0 if hours >= 11 else driven_h
            # A run that has begun is ended.
            assert driven_h < 9 + 3


def test_a_truck_is_faster_than_a_train_while_it_runs() -> None:
    def kmh(pace: Pace) -> float:
        runs = [each for each in Train.draw(Route.read(), worlds.rng(2), pace).segments if each.kind == "run"]
        return sum(each.end_km - each.start_km for each in runs) / sum(
            (each.end_ms - each.start_ms) / HOUR_MS for each in runs
        )

    assert kmh(WORLDS["truck"].pace) > 1.2 * kmh(RAIL)


def test_a_stay_is_two_weeks_at_the_goal_and_then_the_operator_ends_the_trip() -> None:
    stay = trip("stay", 2)
    assert stay.operator_ends_ms == stay.train.arrival_ms + 14 * DAY_MS
    assert DAY_MS <= stay.end_ms - stay.operator_ends_ms < 2 * DAY_MS
    assert not any(stay.moving(ms) for ms in range(stay.train.arrival_ms, stay.end_ms, HOUR_MS))


def test_the_operator_ends_the_trip_once_when_its_time_has_come() -> None:
    done: list[Any] = []
    nothing: Any = SimpleNamespace(after_wake=lambda *_: None, pending=lambda: 0)
    agent = SimpleNamespace(do=lambda *words: done.append(words))
    services = SimpleNamespace(agent=agent, alive=lambda: True)
    built: Any = SimpleNamespace(
        trip=SimpleNamespace(operator_ends_ms=DAY_MS),
        device=SimpleNamespace(rtc_memory=b""),
        services=services,
    )
    run = Demo(built, nothing, nothing, None)
    run.after_wake(DAY_MS - 1)
    assert done == []
    run.after_wake(DAY_MS)
    run.after_wake(DAY_MS + 1)
    assert done == [("trips", "end", stage.DEVICE)]


def test_the_weak_battery_holds_half_of_what_the_device_is_configured_with() -> None:
    assert trip("weak-battery").battery.kind.capacity_mah == pytest.approx(0.5 * 17_000)
    weak = trip("weak-battery", declared_mah=560)
    assert weak.battery.kind.capacity_mah == pytest.approx(280)
    usual = battery.KINDS[battery.USUAL]
    assert weak.battery.kind.self_discharge_ua == pytest.approx(usual.self_discharge_ua * 280 / 17_000)
    day_ms = 20 * DAY_MS
    weak.battery.advance(day_ms, 0.0)
    before_v = weak.battery.voltage(0.1)
    weak.battery.advance(day_ms + 1, 280 * 3.6 * usual.nominal_v)
    assert weak.battery.left() == 0 and weak.battery.voltage(0.1) < 2.8 < before_v


def test_settings_of_a_device_in_each_world() -> None:
    def settings_of(*words: str) -> dict[str, str]:
        return dict(each.split("=") for each in demo.settings(demo.parsed([*words, "--out", "/nowhere"])))

    usual, weak = settings_of("--budget", "100"), settings_of("--budget", "100", "--world", "weak-battery")
    assert usual == weak and usual["target_days"] == "47"
    arguments = demo.parsed(["--budget", "100", "--world", "weak-battery"])
    declared_mah = demo.scenario_of(arguments).declared_mah or 0
    assert str(declared_mah) == weak["battery_mah"], "what the cold withholds is the world's to take"
    counted = demo.counted(arguments)
    assert declared_mah * counted * 3.6 * 3.6 == pytest.approx(100 * 45, rel=0.002)
    for temperature_c, least, most in ((-30, 0.5, 0.6), (-13, 0.65, 0.7), (0, 0.7, 0.8)):
        gives = 0.5 * battery.at(battery.KINDS[battery.USUAL].usable, temperature_c) / counted
        assert least < gives < most, "of what the device counts on"
    stay = settings_of("--budget", "100", "--world", "stay")
    assert stay.keys() == {"battery_mah"}, "it is not known when the operator will end the trip"


def test_a_world_that_is_not_there_is_an_error_that_names_those_that_are(capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        demo.parsed(["--world", "desert"])
    assert ended.value.code == 2
    errors = capsys.readouterr().err
    assert "'desert'" in errors and all(name in errors for name in WORLDS)


def test_coverage_is_back_when_a_network_that_takes_the_card_can_be_used() -> None:
    for name in ("dark", "sea"):
        there = trip(name)
        ((_, end_ms),) = there.silences
        there.env.run(until=end_ms - 1)
        assert there.back_ms() == []
        there.env.run(until=there.end_ms)
        (back_ms,) = there.back_ms()
        assert end_ms <= back_ms < end_ms + DAY_MS
        assert there.served(back_ms) and not there.served(end_ms - 1)
        assert all(not there.served(ms) for ms in range(end_ms, back_ms, MINUTE_MS))


def test_worlds_combine_with_days_of_their_own() -> None:
    silent = World(dark_days=2, sea_days=3)
    train = silent.train(Route.read(), worlds.rng(1))
    first, second = silent.silences(train)
    assert first[1] - first[0] == 2 * DAY_MS and second[1] - second[0] == 3 * DAY_MS


def test_hours_back_do_not_count_the_bar_that_a_return_begins_with() -> None:
    hour = HOUR_MS
    contacts = [0, 10 * hour, 40 * hour]
    assert back_h([8 * hour], contacts, []) == [2.0]
    assert back_h([12 * hour], contacts, [Bar(13 * hour, 37 * hour, "25001")]) == [4.0]
    twice = [Bar(13 * hour, 23 * hour, "25001"), Bar(24 * hour, 39 * hour, "25002")]
    assert back_h([12 * hour], contacts, twice) == [18.0]
    assert back_h([41 * hour], contacts, []) == [None]
