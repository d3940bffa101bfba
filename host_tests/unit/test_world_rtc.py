"""The device's own clock, and what of it a trip shows."""

from __future__ import annotations

import pytest

from tools.world.device.rtc import COLD_PPM_K, GAIN_PPM, Rtc
from tools.world.trip import DAY_MS, Trip

HOUR_MS = 3_600_000


def test_awake_it_is_right_and_asleep_it_gains() -> None:
    rtc = Rtc(10_000.0, lambda ms: -20.0)
    assert rtc.clock_ms(HOUR_MS) == HOUR_MS
    rtc.sleep(HOUR_MS)
    rtc.sleep(HOUR_MS + 5)  # it already is
    assert rtc.clock_ms(2 * HOUR_MS) == 2 * HOUR_MS + 36_000
    rtc.wake(2 * HOUR_MS)
    assert rtc.clock_ms(3 * HOUR_MS) == 3 * HOUR_MS + 36_000


def test_a_device_that_cools_in_its_sleep_gains_more() -> None:
    rtc = Rtc(10_000.0, lambda ms: -ms / HOUR_MS)
    rtc.sleep(0)
    gained_ms = rtc.clock_ms(4 * HOUR_MS) - 4 * HOUR_MS
    assert gained_ms == pytest.approx(4 * 3.6 * (10_000 + 2 * COLD_PPM_K), abs=1)


@pytest.mark.parametrize("length_ms", [20, 1_000, HOUR_MS, 6 * HOUR_MS])
@pytest.mark.parametrize("kelvin_an_hour", [-3.0, 0.0, 3.0])
def test_a_sleep_is_as_long_as_asked_for_by_its_own_clock(length_ms: int, kelvin_an_hour: float) -> None:
    rtc = Rtc(15_000.0, lambda ms: kelvin_an_hour * ms / HOUR_MS)
    due_ms = rtc.due_ms(777, length_ms)
    assert due_ms < 777 + length_ms or length_ms == 20
    rtc.sleep(777)
    assert rtc.clock_ms(due_ms) - 777 == pytest.approx(length_ms, abs=2)
    assert rtc.clock_ms(due_ms) - 777 >= length_ms


def worst_s(trip: Trip, hours: int) -> float:
    """The most that the clock gains in so many hours of nothing but sleep, an hour each."""
    gains_ms = []
    for ms in range(0, 40 * DAY_MS, HOUR_MS):
        gains_ms.append(trip.rtc.clock_ms(ms) - ms)
        trip.rtc.sleep(ms)
        trip.rtc.wake(ms + HOUR_MS)
    return max(later - earlier for earlier, later in zip(gains_ms, gains_ms[hours:], strict=False)) / 1_000


def test_each_trip_has_a_clock_of_its_own_and_none_gains_more_than_40_minutes_in_26_hours() -> None:
    gained = [worst_s(Trip(seed, "bg95"), 26) for seed in range(6)]
    assert len(set(gained)) == len(gained)
    assert all(26 * 3.6 * GAIN_PPM[0] / 1_000 < seconds < 40 * 60 for seconds in gained)
