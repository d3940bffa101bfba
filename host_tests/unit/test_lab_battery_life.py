"""Battery life."""

import re

import pytest

from tools.lab import battery_life
from tools.world.device.battery import KINDS


def figures(table: str) -> list[float]:
    return [float(each.replace(",", "")) for each in re.findall(r"[\d,]*\d", table)]


def test_the_page_shows_a_current_table_within_the_tolerance():
    shown = (
        battery_life.PAGE.read_text(encoding="utf-8")
        .partition(battery_life.BEGIN)[2]
        .partition(battery_life.END)[0]
    )
    today = battery_life.markdown()
    assert re.sub(r"[\d,]*\d", "", shown) == re.sub(r"[\d,]*\d", "", today)
    assert figures(shown) == pytest.approx(figures(today), rel=0.2, abs=10)


def test_battery_days_are_usable_capacity_divided_by_daily_consumption():
    kind = KINDS["er34615"]
    drawn_mah = 100 / 3.6 / 3.6 + 0.0217 * 24
    assert battery_life.days(kind, 100, 20) == pytest.approx(17000 / drawn_mah)
    assert battery_life.days(kind, 100, -40) == pytest.approx(0.55 * 17000 / drawn_mah)
    assert battery_life.days(KINDS["lfp5ah"], 100, -40) == 0 < battery_life.days(KINDS["lfp5ah"], 100, -20)
