"""Motion, light and sky of a trip."""

from __future__ import annotations

import random
from statistics import mean, median

from tools.world.nature.satellites import BLOCKED, Satellites
from tools.world.rail.doors import Doors
from tools.world.rail.motion import Motion
from tools.world.rail.route import Route
from tools.world.rail.train import HOUR_MS, Train
from tools.world.trip import START_UTC_S

ROUTE = Route.read()
MINUTE_MS = 60_000
MOVING_RATE, STANDING_LUX = 5, 20
"""Thresholds of the firmware's plan."""


def train(seed: int) -> Train:
    return Train.draw(ROUTE, random.Random(f"{seed}/train"))


def motion(seed: int) -> Motion:
    one = train(seed)
    return Motion(one, one.arrival_ms, random.Random(f"{seed}/motion"))


def test_a_moving_wagon_is_detected_and_a_stationary_one_is_quiet() -> None:
    one, felt = train(1), motion(1)
    running: list[float] = []
    standing: list[float] = []
    for ms in range(0, one.arrival_ms - HOUR_MS, 10 * MINUTE_MS):
        rate = (felt.counts(ms + 10 * MINUTE_MS) - felt.counts(ms)) / 10
        whole = one.segment(ms) == one.segment(ms + 10 * MINUTE_MS)
        if whole:
            (running if one.moving(ms) else standing).append(rate)
    assert 12 < median(running) < 45
    assert mean(rate >= MOVING_RATE for rate in running) > 0.97
    assert median(standing) == 0
    assert mean(rate < MOVING_RATE for rate in standing) > 0.9
    assert max(standing) > MOVING_RATE  # shunting


def test_counts_grow_and_the_next_one_comes_when_it_is_reported() -> None:
    felt, rng = motion(2), random.Random(2)
    end_ms = train(2).arrival_ms
    for _ in range(2_000):
        ms = rng.randrange(end_ms)
        due_ms = felt.next_ms(ms)
        if due_ms is None:
            continue
        assert due_ms > ms
        assert felt.counts(due_ms) >= felt.counts(ms)
        assert felt.counts(due_ms - 1) == felt.counts(ms)
        assert felt.counts(due_ms + 5) > felt.counts(ms)
    assert felt.next_ms(10 * end_ms) is None


def test_a_departure_wakes_within_a_minute_and_most_wakes_of_a_day_are_false() -> None:
    one, felt = train(3), motion(3)
    for stop, run in zip(one.segments, one.segments[1:], strict=False):
        if stop.kind != "run" and run.kind == "run":
            due_ms = felt.next_ms(run.start_ms - 1)
            assert due_ms is not None and due_ms < run.start_ms + MINUTE_MS
    false = 0
    for stop in one.segments[:-1]:
        due_ms = felt.next_ms(stop.start_ms + 5 * MINUTE_MS)
        while stop.kind != "run" and due_ms is not None and due_ms < stop.end_ms:
            false += 1
            due_ms = felt.next_ms(due_ms + 15 * MINUTE_MS)
    assert 0.5 < false / (one.arrival_ms / 24 / HOUR_MS) < 6


def test_doors_open_at_customs_and_at_the_consignee() -> None:
    opened, brightness = [], []
    for seed in range(200):
        one = train(seed)
        doors = Doors(one, START_UTC_S, random.Random(f"{seed}/doors"))
        under_way = [each for each in doors.openings if each.start_ms < one.arrival_ms]
        opened.append(len(under_way))
        assert doors.openings[-1].start_ms > one.arrival_ms
        for each in doors.openings:
            assert not one.moving(each.start_ms)
            assert doors.lux(each.start_ms - 1) == doors.lux(each.end_ms) == 0
            assert doors.lux(each.start_ms) == each.lux
            assert doors.next_ms(each.start_ms - 1) == each.start_ms
            brightness.append(each.lux)
        assert doors.next_ms(doors.openings[-1].end_ms) is None
    assert 0.5 < mean(opened) < 1.5
    assert min(brightness) >= 10 and max(brightness) <= 0xFFFF
    assert 0 < mean(lux < STANDING_LUX for lux in brightness) < 0.1


def test_light_wakes_again_at_once_as_long_as_a_door_is_open() -> None:
    doors = Doors(train(1), START_UTC_S, random.Random("1/doors"))
    door = doors.openings[-1]
    for ms in (door.start_ms, door.start_ms + MINUTE_MS, door.end_ms - 1):
        assert doors.next_ms(ms) == ms + 1_000
    assert doors.next_ms(door.end_ms) is None


def test_the_sky_is_blocked_for_about_four_percent_of_the_time() -> None:
    shares = []
    for seed in range(20):
        one = train(seed)
        sky = Satellites(one, seed)
        moments = range(0, one.arrival_ms, HOUR_MS // 2)
        shares.append(mean(sky.view(ms) == BLOCKED for ms in moments))
    assert 0.03 < mean(shares) < 0.06


def test_a_door_recess_sees_half_of_the_sky() -> None:
    one = train(1)
    sky = Satellites(one, 1)
    skies = [sky.sky(ms) for ms in range(0, one.arrival_ms, HOUR_MS)]
    assert 6 < median(each.satellites for each in skies if not each.blocked) < 9
    assert 1.2 < median(each.hdop for each in skies if not each.blocked) < 2.5
    assert all(0 <= each.satellites <= 12 for each in skies)
    assert any(each.speed_kmh > 30 for each in skies) and any(not each.speed_kmh for each in skies)
    assert max(each.alt_m for each in skies) > 2_000


def test_tunnels_stay_where_they_are_and_yards_block_by_time() -> None:
    one = train(4)
    sky = Satellites(one, 4)
    ways = {one.segment(ms).kind for ms in range(0, one.arrival_ms, 60_000) if sky.view(ms) == BLOCKED}
    assert {"run", "gauge"} <= ways
