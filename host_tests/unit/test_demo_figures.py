"""The figures of a trip, from small numbers that can be checked by hand."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from locator import state as st
from locator.journal import rtc

from host_tests.support.figures import GOOD
from tools.world.demo import figures
from tools.world.demo.diary import Diary
from tools.world.demo.figures import HOUR_MS, Border
from tools.world.radio import cards
from tools.world.radio.rules import Bar
from tools.world.trip import Crossing, Sense


def diary():
    """A diary of a world in which the device always feels the same."""
    given = SimpleNamespace(senses=[Sense(0, 3600, -50, 0, 0)])
    trip: Any = SimpleNamespace(given=given, refused=lambda: False)
    return Diary(trip)


def bar(start_h, end_h, plmn="25001"):
    """A bar on data."""
    return Bar(start_h * HOUR_MS, end_h * HOUR_MS, plmn)


def rtc_memory(tried, failed):
    """RTC memory of a device that has counted so."""
    memory: Any = rtc
    state: Any = st.new()
    state[st.ATTEMPTED], state[st.FAILED] = tried, failed
    return bytes(memory.pack(st.kept(state)))


def test_silence_does_not_count_the_hours_of_a_bar():
    sessions_ms = [hour * HOUR_MS for hour in (0, 10, 50, 60)]
    assert figures.longest_silence_h(sessions_ms, [bar(20, 44)]) == 16
    assert figures.longest_silence_h(sessions_ms, [bar(5, 29)]) == 21
    assert figures.longest_silence_h(sessions_ms, []) == 40


def test_only_the_first_bar_after_a_border_is_excused():
    crossings = [Crossing(5 * HOUR_MS, "KZ", "RU"), Crossing(300 * HOUR_MS, "RU", "BY")]
    bars = [bar(80, 104, "25002"), bar(9, 33), bar(20, 44, "25099")]
    assert figures.excused(bars, crossings) == [bar(9, 33)]
    assert figures.excused([bar(2, 3)], crossings) == []
    again = [*crossings, Crossing(400 * HOUR_MS, "BY", "RU")]
    assert figures.excused([*bars, bar(401, 425)], again) == [bar(9, 33), bar(401, 425)]


def test_uploads_are_counted_across_a_loss_of_power():
    book = diary()
    for tried, failed in ((3, 1), (5, 1), (2, 2), (2, 2)):
        book.after_wake(HOUR_MS, 4, rtc_memory(tried, failed))
    assert (book.uploads_tried, book.uploads_failed) == (7, 3)
    assert book.states[-1] == (1 / 24, 3.6, -5.0, 4)


def test_a_border_without_an_uplink_after_it_is_never():
    crossings = [Crossing(5 * HOUR_MS, "CN", "KZ"), Crossing(9 * HOUR_MS, "KZ", "RU")]
    trip: Any = SimpleNamespace(crossings=crossings)
    assert figures.borders(trip, [4 * HOUR_MS, 8 * HOUR_MS]) == [Border("CN-KZ", 3.0), Border("KZ-RU", None)]


def test_a_good_trip_falls_short_of_nothing():
    assert figures.fell_short(GOOD) == []


@pytest.mark.parametrize(
    ("figure", "value", "line"),
    [
        ("lost", 1, "lost 1, must be 0"),
        ("stalls", 2, "stalls 2, must be 0"),
        ("duplicates_stored", 1, "duplicates stored 1, must be 0"),
        ("thinned", 1, "thinned 1, must be 0"),
        ("outbox_left", 1, "outbox left 1, must be 0"),
        ("mb_a_month", 4.3, "mb a month 4.3, must be at most 4.2"),
        ("bytes_a_point", 125.1, "bytes a point 125.1, must be at most 125"),
        ("crashes", 1, "crashes 1, must be 0"),
        ("account_percent", 88.0, "account percent 88.0, must be 90 to 110"),
        ("longest_silence_h", 24.1, "longest silence h 24.1, must be at most 24"),
        ("radio_waits_percent", 5.0, "radio waits percent 5.0, must be below 5"),
        ("battery_left_percent", 0.0, "battery left percent 0.0, must be more than 0"),
    ],
)
def test_missed_requirements_are_named(figure, value, line):
    assert figures.fell_short(dataclasses.replace(GOOD, **{figure: value})) == [line]


@pytest.mark.parametrize(("modem", "most"), [("bg95", 30), ("sim7600", 60)])
def test_each_modem_has_its_charge(modem, most):
    demands = figures.demands(modem)
    assert figures.fell_short(dataclasses.replace(GOOD, mah_a_day=most), demands) == []
    few = figures.LEAST_POINTS_A_DAY[modem] - 0.1
    assert len(figures.fell_short(dataclasses.replace(GOOD, points_a_day=few), demands)) == 1
    assert figures.fell_short(dataclasses.replace(GOOD, mah_a_day=most + 1.0), demands) == [
        f"mah a day {most + 1:.1f}, must be at most {most}"
    ]


def test_a_budget_is_a_charge_a_day_that_is_held():
    demands = figures.demands("bg95", budget_j=100)
    assert figures.fell_short(dataclasses.replace(GOOD, mah_a_day=8.0), demands) == []
    assert figures.fell_short(dataclasses.replace(GOOD, mah_a_day=9.0), demands) == [
        "mah a day 9.0, must be at most 8.1"
    ]


def test_in_another_season_or_on_another_battery_a_trip_must_be_lived_through():
    hard = dataclasses.replace(
        GOOD, brown_outs=9, longest_silence_h=300.0, points_a_day=9.0, mah_a_day=99.0, below_35_h=30.0
    )
    assert len(figures.fell_short(hard, figures.demands("bg95"))) == 4
    for season, kind in (("extreme", "lfp5ah"), ("extreme", "er34615"), ("winter", "lfp5ah")):
        demands = figures.demands("bg95", season, kind)
        assert figures.fell_short(hard, demands) == []
        for bad in ({"lost": 1}, {"crashes": 1}, {"silent_at_end_h": 24.1}):
            assert len(figures.fell_short(dataclasses.replace(hard, **bad), demands)) == 1
    warm = dataclasses.replace(hard, below_35_h=23.0)
    assert figures.fell_short(warm, figures.demands("bg95", "extreme", "lfp5ah")) == [
        "below 35 h 23.0, must be at least 24"
    ]


def test_time_without_a_network_that_takes_the_card_is_counted_from_wake_to_wake():
    kept = diary()
    answers = iter([False, True, True, False])
    kept.trip.refused = lambda: next(answers)
    for hour in (1, 2, 4, 5):
        kept.after_wake(hour * HOUR_MS, 0, rtc_memory(0, 0))
    assert kept.refused_ms == 3 * HOUR_MS


def test_nine_of_ten_profiles_that_are_wanted_must_be_installed():
    def short(wanted: int, installed: int) -> list[str]:
        return figures.fell_short(
            dataclasses.replace(GOOD, downloads_wanted=wanted, downloads_installed=installed)
        )

    assert short(0, 0) == short(10, 9) == []
    assert short(3, 2) == ["profile downloads: 2 of 3 installed"]


def test_the_median_border_counts_silence_to_the_end_as_the_whole_trip():
    passed = [Border("CN-KZ", 1.0), Border("KZ-RU", None), Border("RU-BY", 3.0)]
    assert dataclasses.replace(GOOD, borders=passed).border_h == 3.0
    assert dataclasses.replace(GOOD, borders=passed[:2]).border_h == (1.0 + 24 * GOOD.days) / 2
    assert dataclasses.replace(GOOD, borders=[]).border_h is None


def test_profiles_are_wanted_in_the_countries_of_their_agreements():
    issued = cards.issue(cards.LANDING)
    ways = ["CN"], ["CN", "KZ", "RU"], ["CN", "KZ", "PL", "DE"]
    assert [issued.wanted(each) for each in ways] == [1, 2, 3]
    assert cards.issue("euicc4").wanted(["CN"]) == 0
