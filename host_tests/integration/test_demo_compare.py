"""The comparison of the demo: fixed schedules that run the same trip with our firmware."""

import dataclasses
import random
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from rich.console import Console

from host_tests.support.figures import GOOD
from tools.world.demo import compare, newest
from tools.world.demo.baselines import HOURLY, TUNED, Schedule
from tools.world.oracle import delivered
from tools.world.oracle.delivered import START_S
from tools.world.services.processes import ServiceError
from tools.world.stage import Scenario

DAY_S = 86_400
HOUR_S = 3_600


def figures(joules_a_day: float, age_h: float, **others: Any) -> Any:
    """Figures of a trip of 45 days."""
    return dataclasses.replace(GOOD, joules={"modem": 45 * joules_a_day}, newest_age_h=age_h, **others)


def test_higher_cost_or_older_positions_fall_short():
    ours = figures(300, 0.8)
    assert compare.fell_short(ours, {"hourly": figures(500, 0.9), "every 2 h": figures(300, 0.8)}) == []
    assert compare.fell_short(ours, {"hourly": figures(290, 0.9)}) == [
        "joules a day 300.00, must be at most the 290.00 of hourly"
    ]
    assert compare.fell_short(ours, {"hourly": figures(310, 0.7)}) == [
        "hours of age of the newest position 0.80, must be at most the 0.70 of hourly"
    ]
    assert compare.fell_short(ours, {"hourly": figures(310, 0.9, lost=2)}) == ["hourly lost 2"]


@pytest.mark.parametrize("modem", TUNED)
def test_the_tuned_schedule_uses_as_much_energy_as_ours_or_a_little_more(modem):
    shares = [share for share, _ in TUNED[modem]]
    assert shares == sorted(shares, reverse=True)
    hourly = figures(500, 0.5)
    for share, schedule in TUNED[modem]:
        ours = figures(500 * share / compare.MARGIN - 1, 0.5)
        assert compare.tuned(modem, ours, hourly) == schedule
    assert compare.tuned(modem, figures(600, 0.5), hourly) == HOURLY


def test_the_table_has_a_column_each():
    console = Console(width=100, record=True, file=open("/dev/null", "w"))
    console.print(compare.table(figures(300, 0.8), {"hourly": figures(500, 1.5)}))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["ours", "hourly"] in lines
    assert ["joules", "a", "day", "300", "500"] in lines
    assert ["newest", "position,", "median", "age", "48", "min", "1.5", "h"] in lines


def test_the_newest_position_ages_until_a_newer_one_is_stored():
    # Taken at 0, 10 and 20 min, the last two stored at 30, the newer one first, an old one long after.
    positions = [(0, 0), (1_800, 1_200), (1_800, 600), (3_000, 300)]
    ages_min = [age_s // 60 for age_s in newest.ages_s(positions, 3_600)]
    assert ages_min == [*range(30), *range(10, 40)]
    assert newest.ages_s([], 180) == [0, 60, 120]


@given(some.lists(some.tuples(some.integers(0, DAY_S), some.integers(0, 3 * HOUR_S))))
def test_an_age_is_that_of_the_best_that_is_there(stored):
    positions = [(at_s + late_s, at_s) for at_s, late_s in stored]
    random.Random(1).shuffle(positions)
    for minute, age_s in enumerate(newest.ages_s(positions, DAY_S)):
        now_s = 60 * minute
        if minute % 97 == 0:
            assert age_s == now_s - max((at_s for came_s, at_s in positions if came_s <= now_s), default=0)


def test_a_reused_position_holds_while_the_train_is_stationary():
    def point(seq: int, hour: int, kind: int) -> Any:
        at_s = START_S + hour * HOUR_S
        body = SimpleNamespace(seq=seq, kind=kind)
        return SimpleNamespace(point=body, at_s=at_s, received_s=at_s + 60, flags=0)

    # Stands until hour 3, then runs.
    trip: Any = SimpleNamespace(km=lambda ms: max(0, ms / 3_600_000 - 3) * 40)
    undated = SimpleNamespace(point=SimpleNamespace(seq=9, kind=1), at_s=None, received_s=0, flags=0)
    stored: Any = [point(4, 4, 3), point(1, 0, 3), point(2, 1, 1), point(3, 2, 2), point(5, 5, 1), undated]
    assert [at_s // HOUR_S for _, at_s in newest.published(trip, stored)] == [1, 2, 5]


def test_a_schedule_that_cannot_be_flown_says_why(tmp_path):
    (tmp_path / "agent").write_text("a file where a folder is to be")
    with pytest.raises(ServiceError, match=r"hourly: .*agent"):
        compare.Baseline(HOURLY, tmp_path / "agent", Scenario("bg95", 1, 1), lambda state: None).figures()


def test_a_schedule_runs_in_our_firmware_and_keeps_to_its_hours(tmp_path):
    progress: list[dict[str, Any]] = []
    schedule = Schedule("every 3 h", 5_400, 10_800)
    found = compare.Baseline(schedule, tmp_path / "out", Scenario("bg95", 1, 2), progress.append).figures()
    assert found.lost == found.crashes == 0 and found.wrong == []
    taken = [each["taken"] for each in progress]
    assert taken == sorted(taken) and taken[-1] == found.points_taken
    had = delivered.read(tmp_path / "out" / "agent" / "landbridge.sqlite3", "lb-demo-1")
    times_s = [each.at_s for each in had.points if each.at_s is not None]
    assert sum(5_100 <= later - earlier <= 5_500 for earlier, later in pairwise(times_s)) > 20
    contacts_s = [ms // 1_000 for ms in had.sessions_ms]
    assert sum(10_300 <= later - earlier <= 11_000 for earlier, later in pairwise(contacts_s)) > 10
    assert any(each.point.kind == 1 for each in had.points)
