import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tools.lab import __main__ as lab
from tools.lab.compare import evaluate, shortfalls, summary
from tools.lab.experiments import SETTINGS, Job, evaluation_trips, trained_on
from tools.lab.routes import TRAINING

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows():
    return summary(evaluate(Job(SETTINGS[1], "w1", 1_001)))


def test_evaluation_trips_are_not_those_of_training():
    trips = evaluation_trips(18)
    assert len(trips) == 54 and len(set(trips)) == 54
    assert not {seed for route, seed in trips if route in TRAINING} & set(range(101, 111))
    assert trained_on("w1") == "n1" and trained_on("n1") == "w1" and trained_on("drawn-1001") == "both"


def test_every_policy_is_evaluated_at_every_budget(rows):
    budgets = SETTINGS[1].budgets
    assert all(sum(row.policy == "ours" and row.budget == budget for row in rows) == 1 for budget in budgets)
    assert {row.kind for row in rows} == {"ours", "ablation", "shipped", "tuned", "hindsight"}
    assert not any(row.above_bound for row in rows)
    assert all(0 < row.ratio <= 1 for row in rows)


def test_missed_goals_are_named(rows):
    better = [
        row if row.policy != "P2 batch" else row.__class__(**{**vars(row), "ratio": 1.1}) for row in rows
    ]
    assert any("P2 batch tuned" in each for each in shortfalls(SETTINGS[1], better, 80))


@pytest.mark.parametrize(("ours", "missed"), [(0.968, True), (0.987, True), (0.989, False)])
def test_missed_goals_in_thin_coverage_are_named_with_their_bound(rows, ours, missed):
    thinned = next(each for each in SETTINGS if each.loss_db == 15)
    ratios = {"ours": ours, "attainable": 0.990, "P1 hourly": 0.5, "P2 batch": 0.888}
    mine = [
        replace(row, setting=thinned.name, ratio=ratios[row.policy], above_bound=0)
        for row in rows
        if row.policy in ratios and row.budget == 120 and row.kind != "shipped"
    ]
    assert ["0.102" in each for each in shortfalls(thinned, mine, 120)] == [True] * missed


def test_a_wrong_route_file_ends_with_its_row(tmp_path):
    file = tmp_path / "line.csv"
    file.write_text("name,country,lat,lon,kind\nA,CN,x,1,hub\n")
    result = CliRunner().invoke(lab.app, ["--route", str(file)])
    assert result.exit_code == 2


def test_the_report_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(
        lab.app,
        ["--trips", "1", "--setting", "BG95, position reused, points", "--processes", "1"],
        catch_exceptions=False,
    )
    assert result.exit_code == 0
    assert "ours" in result.output
    figures = json.loads((tmp_path / "out/lab.json").read_text())
    assert {row["policy"] for row in figures["rows"]} >= {"ours", "attainable", "P2 batch"}
    page = (tmp_path / "out/lab/report.html").read_text()
    assert page.count("<img") == 3 and "hour by hour" in page


def test_without_a_trip_nothing_is_compared():
    result = CliRunner().invoke(lab.app, ["--trips", "0"])
    assert result.exit_code == 2
