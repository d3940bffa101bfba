"""The comparison of cards: what it demands, and a part of the border that is crossed again and again."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from tools.verify.esim import cards, shuttle
from tools.verify.esim.cards import REFUSING, Pooled, TripResult
from tools.verify.soak import soak
from tools.world.demo.figures import Border
from tools.world.radio.rules import Bar

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000


def _result(
    card: str,
    hours: list[float | None],
    refused_h: float = 0.0,
    joules: float = 1000.0,
    installed: int = 4,
) -> TripResult:
    figures = SimpleNamespace(
        days=45.0,
        borders=[Border("CN-KZ", each) for each in hours],
        refused_h=refused_h,
        joules={"modem": joules},
        points_stored=100,
        lost=0,
        crashes=0,
        bars=1,
        downloads_wanted=4 if card == "euicc-landing" else 0,
        downloads_installed=installed,
    )
    return TripResult(card, 1, cast(Any, figures), (5, 5), 24.5)


def _by(**changed: TripResult) -> dict[str, Pooled]:
    usual = {
        "single": _result("single", [1.0, 4.0, 9.0], 40.0),
        "single-everywhere": _result("single-everywhere", [1.0, 4.0, 9.0]),
        "euicc4": _result("euicc4", [0.5, 1.0, 25.0], 2.0),
        "applet": _result("applet", [1.0, 1.0, 25.0]),
        "euicc-landing": _result("euicc-landing", [0.5, 2.0, 25.0], joules=1050.0),
    }
    return {card: Pooled([each]) for card, each in (usual | changed).items()}


def test_each_demand_is_named_when_it_is_not_met():
    assert cards.fell_short(_by()) == []
    for bad, words in (
        (_result("euicc4", [0.5, 3.0, 25.0], 2.0), "median"),
        (_result("euicc4", [0.5, 1.0, 25.0], 20.0), "without service"),
        (_result("euicc4", [0.5, 1.0, 25.0], 2.0, 1001.0), "joules a point"),
        (_result("euicc4", [None, None, None], 2.0), "median 1080"),
    ):
        (line, *_) = cards.fell_short(_by(euicc4=bad))
        assert words in line
    barred = TripResult("euicc4", 1, _result("euicc4", [1.0]).figures, (0, 0), 27.0)
    assert cards.fell_short(_by(euicc4=barred)) == ["euicc4, seed 1: data not back within 26 h"]
    lazy = TripResult("applet", 1, _result("applet", [1.0]).figures, (4, 5), None)
    assert cards.fell_short(_by(applet=lazy)) == ["applet: rotated at 80 % of the borders"]


def test_a_card_whose_profiles_are_downloaded_is_nearly_as_good_as_one_with_all_of_them():
    for bad, words in (
        (_result("euicc-landing", [0.5, 2.1, 25.0]), "median 2.10, at most 2.00"),
        (_result("euicc-landing", [0.5, 2.0, 25.0], joules=1051.0), "joules a point 10.51, at most 10.50"),
        (_result("euicc-landing", [0.5, 2.0, 25.0], installed=3), "3 of 4 profiles installed"),
    ):
        (line,) = cards.fell_short({**_by(), "euicc-landing": Pooled([bad])})
        assert line == f"euicc-landing: {words}" or line.endswith(words)


def test_the_bar_lasts_until_the_first_session_after_it():
    bars = [Bar(10 * HOUR_MS, 34 * HOUR_MS, "25001")]
    assert cards.barred_h(bars, [9 * HOUR_MS, 35 * HOUR_MS, 36 * HOUR_MS]) == 25.0
    assert cards.barred_h(bars, [9 * HOUR_MS]) is None and cards.barred_h([], [1]) is None


def test_a_border_crossed_again_and_again_costs_three_switches_a_day_at_most(tmp_path):
    came = shuttle.run(tmp_path, "bg95", 1, REFUSING, Console(quiet=True), days=2)
    assert came.short() == []
    assert 2 <= came.switches <= 6 and came.points > 20
    assert came.longest_silence_h < 14


@pytest.mark.parametrize("option", ["--days", "--seeds"])
def test_without_a_trip_nothing_is_shown(option, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["cards", option, "0", "--out", str(tmp_path / "cards")])
    with pytest.raises(SystemExit) as ended:
        cards.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"argument {option}: '0' is no whole number of 1 or more;")


@pytest.mark.parametrize("command", [cards, soak])
def test_a_folder_that_cannot_be_made_is_one_line(command, monkeypatch, capsys, tmp_path):
    (tmp_path / "taken").touch()
    monkeypatch.setattr(sys, "argv", ["a check", "--out", str(tmp_path / "taken")])
    assert command.main() == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "taken") in said
    assert said.count("\n") == 1
