"""Orders end to end: real firmware, broker, agent and command, in the simulated world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from landbridge.core.clock import to_epoch_s

from tools.world import stage
from tools.world.device.firmware import account_j
from tools.world.oracle.records import Oracle
from tools.world.stage import DEVICE, Stage

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000
DAYS = 3


class World:
    """A trip that goes on hour by hour, and the operator's command."""

    def __init__(self, built: Stage) -> None:
        self.stage = built
        self.oracle = Oracle(built.flash, built.trip, built.network.traffic)
        self.hours = 0
        self.wakes_ms: list[int] = []

    def run(self, hours: int) -> None:
        self.hours += hours
        self.stage.device.run(self.hours * HOUR_MS, self.after_wake)

    def after_wake(self, now_ms: int) -> None:
        self.wakes_ms.append(now_ms)
        self.oracle.after_wake()

    def do(self, *arguments: str) -> str:
        return self.stage.services.agent.do(*arguments)

    def send(self, *arguments: str) -> str:
        """Give a command; its id."""
        return self.do("commands", "send", DEVICE, *arguments).split()[1].rstrip(":")

    def state(self, command: str) -> str:
        """What the list says has become of it."""
        (line,) = re.findall(rf"^{command} .*$", self.do("commands", "list", DEVICE), re.MULTILINE)
        return re.split(r"  +", line)[-1]

    def times(self) -> list[int]:
        """When the records were taken, in epoch seconds; those of a known time."""
        return sorted(record["time"] for record in self.oracle.records.values() if record["quality"])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    built = stage.build(tmp_path, stage.Scenario("bg95", 3, DAYS))
    built.services.agent.do("settings", "set", DEVICE, "paced=0")  # a wake an hour, six reports a day
    yield World(built)
    built.close()


def longest(times: list[int]) -> int:
    """The longest pause in `times`, in seconds."""
    return max(later - earlier for earlier, later in pairwise(times))


def test_a_setting_changes_the_interval_of_points_and_is_shown_as_applied(world: World) -> None:
    world.run(6)
    assert longest(world.times()) > 1_500
    assert "revision " in world.do("settings", "set", DEVICE, "interval_s=600")
    assert "waiting" in world.do("settings", "show", DEVICE)
    world.run(6)
    shown = world.do("settings", "show", DEVICE)
    assert re.search(r"^state +applied$", shown, re.MULTILINE), shown
    before = world.times()[-1]
    world.run(6)
    assert 200 < longest([time for time in world.times() if time >= before]) < 900
    assert re.search(r"revision \d+, set", world.do("settings", "show", DEVICE))
    assert not world.oracle.wrong


def test_each_command_is_done_once_and_its_result_is_shown(world: World) -> None:
    world.run(1)
    device = world.stage.device
    first = {verb: world.send(verb) for verb in ("log", "locate")}
    dense = world.send("dense", "3600")
    assert "waiting" in world.state(dense)
    world.run(6)
    assert world.state(first["log"]) == world.state(dense) == "done"
    assert world.state(first["locate"]).startswith("done")
    assert device.counters.resets == 0
    reboot = world.send("reboot")
    world.run(6)
    assert world.state(reboot) == "done" and device.counters.resets == 1
    world.do("settings", "set", DEVICE, "light_lux=50")
    world.run(6)
    factory = world.send("factory-reset")
    world.run(10)
    assert world.state(factory) == "done" and device.counters.resets == 2
    # What is desired was sent again.
    assert re.search(r"revision \d+, set", world.do("settings", "show", DEVICE))
    used_j = account_j(device.rtc_memory)
    battery = world.send("new-battery")
    world.run(6)
    assert world.state(battery) == "done" and account_j(device.rtc_memory) < used_j / 2
    shipping = world.send("shipping")
    world.run(6)
    assert world.state(shipping) == "done"
    world.run(6)
    assert device.counters.resets == 2 and device.counters.crashes == 0
    assert not world.oracle.wrong
    assert world.state(reboot) == "done"


def test_locate_brings_a_point_within_minutes_of_the_session(world: World) -> None:
    world.run(1)
    command = world.send("locate")
    world.run(6)
    assert world.state(command).startswith("done")
    (line,) = re.findall(rf"^{command} .*$", world.do("commands", "list"), re.MULTILINE)
    sent, reported = (datetime.fromisoformat(text) for text in re.split(r"  +", line)[-3:-1])
    assert timedelta() < reported - sent < timedelta(minutes=6)
    first, last = to_epoch_s(sent), to_epoch_s(reported)
    assert any(first < time <= last for time in world.times())
