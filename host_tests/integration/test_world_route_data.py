"""Route data end to end: real firmware, broker, agent and command, in the simulated world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from locator.scheduler import route

from tools.world import stage
from tools.world.oracle.records import Oracle
from tools.world.stage import CONTAINER, DESTINATION, DEVICE, ROUTE, Stage

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000
DAYS = 3
LINE_BACK = """\
name,country,lat,lon,kind
Xi'an,CN,34.28,108.96,hub
Ankang,CN,32.71,109.02,yard
Chongqing,CN,29.63,106.39,hub
"""


class World:
    """A trip that goes on hour by hour, and the operator's command."""

    def __init__(self, built: Stage) -> None:
        self.stage = built
        self.oracle = Oracle(built.flash, built.trip, built.network.traffic)
        self.hours = 0

    def run(self, hours: int) -> None:
        self.hours += hours
        self.stage.device.run(self.hours * HOUR_MS, lambda _: self.oracle.after_wake())

    def do(self, *arguments: str) -> str:
        return self.stage.services.agent.do(*arguments)

    def route_data(self) -> Any:
        """What the device would read, or None."""
        return route.load(str(self.stage.flash / "data"))

    def start(self, line: str) -> None:
        self.do("trips", "end", DEVICE)
        self.do(
            "trips", "start", DEVICE, "--container", CONTAINER, "--route", line, "--destination", DESTINATION
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    built = stage.build(tmp_path, stage.Scenario("bg95", 3, DAYS))
    yield World(built)
    built.close()


def test_a_guide_comes_with_the_first_report_and_goes_with_the_trip(world: World, tmp_path: Path) -> None:
    assert world.route_data() is None
    world.run(12)
    first = world.route_data()
    assert first
    lat, lon = world.stage.trip.train.position(world.hours * HOUR_MS)
    there = first.forecast(first.find(round(1e7 * lat), round(1e7 * lon), -1), True, 0, 0)
    assert 20 < there.to_go_s / 86_400 < 40 and there.mcc == 460 and there.bin == 0
    (tmp_path / "back.csv").write_text(LINE_BACK)
    world.do("routes", "add", "back", str(tmp_path / "back.csv"))
    world.start("back")
    world.run(12)
    second = world.route_data()
    assert second and 5 < second.forecast(0, False, 0, 0).to_go_s / 86_400 < 15
    learned = world.do("coverage", "recompute", ROUTE)
    assert int(re.findall(r"(\d+) network observations", learned)[0]) > 0
    assert "460" in world.do("coverage", "show", ROUTE)
    assert "everything is delivered" in world.do("devices", "wakes", DEVICE)
    world.do("trips", "end", DEVICE)
    world.run(12)
    assert world.route_data() is None
    assert not list((world.stage.flash / "data").glob("route*"))
    assert not world.oracle.wrong and world.stage.device.counters.crashes == 0
