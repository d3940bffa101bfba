"""The checks of the rough worlds: each of its limits can be missed, and what was not run is no success."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from host_tests.support.figures import GOOD
from tools.verify.soak import rough
from tools.verify.soak.rough import BUDGETS, OURS, PARTS, Part, TripResult
from tools.world.demo import demo
from tools.world.demo.baselines import HOURLY
from tools.world.demo.figures import Figures
from tools.world.rail.train import HOUR_MS, Train
from tools.world.services.processes import ServiceError
from tools.world.stage import Scenario
from tools.world.worlds import ROUGH, World


def result(
    world: str = "dark", budget_j: int = 100, broken: Sequence[str] = (), **figures: Any
) -> TripResult:
    """A good trip but for what is said."""
    back_h: list[float | None] = [5.0] if world in ("dark", "sea") else []
    good: dict[str, Any] = {"back_h": back_h, "silent_at_end_h": 2.0} | figures
    return TripResult(world, "bg95", budget_j, OURS, dataclasses.replace(GOOD, **good), list(broken))


def all_parts() -> list[TripResult]:
    """Every part, as good as it must be."""
    ours = [
        dataclasses.replace(result(part.world, budget_j), modem=part.modem)
        for part in PARTS
        for budget_j in part.budgets
    ]
    return ours + [dataclasses.replace(each, policy=HOURLY.name) for each in ours]


def test_every_world_is_flown_on_both_modems() -> None:
    assert {part[:2] for part in PARTS} == {
        (world, modem) for world in ROUGH for modem in ("bg95", "sim7600")
    }
    assert all(part.budgets == BUDGETS[part.modem] for part in PARTS)
    assert set(ROUGH) == {"dark", "sea", "truck", "stay", "weak-battery"}


def test_all_as_it_must_be_falls_short_of_nothing() -> None:
    assert rough.fell_short(all_parts(), []) == []


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (result(lost=1), "dark bg95 100 J: lost 1"),
        (result(stalls=2), "dark bg95 100 J: stalls 2"),
        (result(silent_at_end_h=24.1), "dark bg95 100 J: dead: last heard of 24.1 h before the end"),
        (
            result(back_h=[6.1]),
            "dark bg95 100 J: first report 6.1 h after coverage was back, must be at most 6 each",
        ),
        (
            result(back_h=[None]),
            "dark bg95 100 J: first report never after coverage was back, must be at most 6 each",
        ),
        (
            result("sea", 65, back_h=[24.5]),
            "sea bg95 65 J: first report 24.5 h after coverage was back, must be at most 24 each",
        ),
        (result(back_h=[]), "dark bg95 100 J: coverage was not lost and found again: left out"),
        (
            result("truck", broken=["budget broken: modem resets, hour 2, allowed 1"]),
            "truck bg95 100 J: budget broken: modem resets, hour 2, allowed 1",
        ),
    ],
)
def test_each_limit_can_be_missed(bad: TripResult, words: str) -> None:
    assert bad.short() == [words]
    covered = [each for each in all_parts() if (each.name, each.policy) != (bad.name, OURS)]
    assert rough.fell_short([*covered, bad], []) == [words]


@pytest.mark.parametrize(
    "good",
    [result(back_h=[6.0]), result(budget_j=65, back_h=[24.0]), result(silent_at_end_h=24.0), result("stay")],
)
def test_the_limit_itself_is_kept(good: TripResult) -> None:
    assert good.short() == []


def test_schedules_are_not_evaluated() -> None:
    worst = dataclasses.replace(
        result(lost=9, stalls=9, silent_at_end_h=400.0, back_h=[None]), policy=HOURLY.name
    )
    assert rough.fell_short([*all_parts(), worst], []) == []


def test_a_part_that_is_left_out_is_named() -> None:
    done = all_parts()
    without = [each for each in done if each.name != "sea bg95 65 J" or each.policy != OURS]
    assert rough.fell_short(without, []) == ["left out: sea bg95 65 J"]
    alone = [each for each in done if each.policy == OURS or each.world != "stay"]
    assert rough.fell_short(alone, []) == [
        "left out: stay bg95, schedules",
        "left out: stay sim7600, schedules",
    ]
    assert rough.fell_short(done, ["sea bg95 65 J, ours: no broker"]) == [
        "not run: sea bg95 65 J, ours: no broker"
    ]
    assert len(rough.fell_short([], [])) == sum(len(part.budgets) + 1 for part in PARTS)


def test_the_figures_are_those_of_ours_alone() -> None:
    lost = result(lost=3, back_h=[7.0], silent_at_end_h=30.0)
    lean = result("sea", 65, back_h=[None])
    rival = dataclasses.replace(result(lost=100), policy=HOURLY.name)
    found = rough.summed([lost, lean, rival])
    assert (found["trips"], found["lost"], found["alive_at_the_end"]) == (2, 3, 1)
    assert (found["hours_back_to_report"], found["hours_back_to_report_65_j"]) == (7.0, -1.0)


def test_the_command_line_selects_parts() -> None:
    assert list(rough.chosen(None, None, None)) == list(PARTS)
    assert list(rough.chosen("sea", "bg95", 80)) == [Part("sea", "bg95", (80,))]


def test_the_file_holds_everything(tmp_path: Path) -> None:
    rough.write(tmp_path / "out" / "rough.json", 1, [result(lost=3)], ["short"])
    content = json.loads((tmp_path / "out" / "rough.json").read_text())
    assert content["figures"]["lost"] == 3 and content["fell_short"] == ["short"]
    assert content["trips"][0]["figures"]["back_h"] == [5.0]


def policies_run(monkeypatch: pytest.MonkeyPatch, joules: dict[str, float]) -> list[tuple[str, str]]:
    """Replace the trips; return the policies that were run, with the settings."""
    covered: list[tuple[str, str]] = []

    def run_trip(out: Path, scenario: Scenario, schedule: Any, on_progress: Any) -> tuple[Figures, list[str]]:
        policy = schedule.name if schedule else OURS
        covered.append((policy, scenario.settings[-1]))
        on_progress({"completed": scenario.days / 2})
        if policy not in joules:
            raise ServiceError("no broker")
        return dataclasses.replace(GOOD, days=1, joules={"modem": joules[policy]}), []

    monkeypatch.setattr(rough, "run_trip", run_trip)
    return covered


def test_schedules_run_once_for_all_budgets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    covered = policies_run(monkeypatch, {"hourly": 500, OURS: 300, "every 2 h": 310})
    moves: Queue[float] = Queue()
    part = Part("dark", "bg95", (65, 100))
    done, failed = rough.run_part(part, 1, tmp_path, moves)
    policies = [policy for policy, _ in covered]
    assert policies == ["hourly", OURS, "every 2 h", OURS] and not failed
    assert [each.budget_j for each in done] == [65, 65, 65, 100]
    assert len({settings for _, settings in covered}) == 2
    assert sum(moves.queue) == pytest.approx(part.trips)


def test_a_failed_trip_is_reported_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policies_run(monkeypatch, {OURS: 300})
    moves: Queue[float] = Queue()
    part = Part("dark", "bg95", (65, 100))
    done, failed = rough.run_part(part, 1, tmp_path, moves)
    assert [each.policy for each in done] == [OURS, OURS]
    assert failed == ["dark bg95 65 J, hourly: no broker"]
    assert "left out: dark bg95, schedules" in rough.fell_short(done, failed)
    assert sum(moves.queue) == pytest.approx(part.trips)


class Soon(World):
    """Twelve hours without a network on the first day."""

    def silences(self, train: Train) -> Sequence[tuple[int, int]]:
        """So soon."""
        return ((10 * HOUR_MS, 22 * HOUR_MS),)


def test_a_short_flight_through_a_silence_with_the_real_firmware(tmp_path: Path) -> None:
    arguments = demo.parsed(["--days", "2", "--out", str(tmp_path)])
    scenario = dataclasses.replace(demo.scenario_of(arguments), world=Soon())
    found, broken = rough.run_trip(tmp_path, scenario, None, lambda _: None)
    assert (found.lost, found.stalls, found.crashes, broken) == (0, 0, 0, [])
    assert len(found.back_h) == 1 and found.back_h[0] is not None
    assert found.longest_silence_h >= 12
    assert found.points_stored > 20
