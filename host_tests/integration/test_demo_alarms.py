"""Alarms and faults from the sensor to the platform; the world is arranged, all else is real."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from host_tests.support.short_trip import HOUR_MS, MINUTE_MS, SOON_MS, Run, alarms, ms_of, run_until
from tools.flash.layout import FIRMWARE, application
from tools.flash.slot import pack
from tools.world import stage
from tools.world.rail.doors import Opening
from tools.world.rail.handling import Opened, Shock, Tilt
from tools.world.stage import DEVICE, Stage

pytestmark = pytest.mark.slow

GAP_MS = (7 * HOUR_MS, 12 * HOUR_MS)
"""No network is heard."""
DOORS = [
    Opening(3 * HOUR_MS + 17 * MINUTE_MS, 4 * HOUR_MS + 50 * MINUTE_MS, 900),
    Opening(5 * HOUR_MS + 40 * MINUTE_MS, 5 * HOUR_MS + 41 * MINUTE_MS, 12),
    Opening(8 * HOUR_MS, 8 * HOUR_MS + 5 * MINUTE_MS, 4_000),
]
LID = Opened(13 * HOUR_MS, 13 * HOUR_MS + 10 * MINUTE_MS)
TILT = Tilt(14 * HOUR_MS, 18 * HOUR_MS, 60)
SHOCK = Shock(20 * HOUR_MS, 9_000)
END_MS = 26 * HOUR_MS


def arrange(built: Stage) -> None:
    """The container stands in its first yard, and this happens to it alone."""
    trip = built.trip
    trip.doors.openings[:] = DOORS
    trip.handling.lid[:] = [LID]
    trip.handling.tilts[:] = [TILT]
    trip.handling.shocks[:] = [SHOCK]
    heard = trip.cells
    silent: Any = lambda: [] if GAP_MS[0] <= trip.env.now < GAP_MS[1] else heard()  # noqa: E731
    trip.cells = silent  # type: ignore[method-assign]


@pytest.fixture(scope="module", params=["bg95", "sim7600"])
def handled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    built = stage.build(tmp_path_factory.mktemp("alarms"), stage.Scenario(request.param, 2, 2))
    try:
        built.services.agent.do("settings", "set", DEVICE, "paced=0")  # a wake an hour
        arrange(built)
        return run_until(built, END_MS)
    finally:
        built.close()


def test_an_opened_container_is_on_the_topic_within_two_minutes_and_once(handled: Run) -> None:
    lights = alarms(handled, "light")
    assert len(lights) == len(DOORS)
    for door, event in list(zip(DOORS, lights, strict=True))[:2]:
        assert 0 <= ms_of(event["received"]) - door.start_ms <= SOON_MS
        assert abs(ms_of(event["time"]) - door.start_ms) <= SOON_MS
        assert event["container"] == stage.CONTAINER


def test_in_a_coverage_gap_an_alarm_comes_with_the_next_session(handled: Run) -> None:
    event = alarms(handled, "light")[2]
    first_ms = next(ms for ms in handled.had.sessions_ms if ms >= GAP_MS[0])
    assert first_ms >= GAP_MS[1]
    assert abs(ms_of(event["received"]) - first_ms) <= 1_000
    assert abs(ms_of(event["time"]) - DOORS[2].start_ms) <= SOON_MS


def test_lid_tilt_and_shock_are_reported_once(handled: Run) -> None:
    (lid,), (tilt,), (shock,) = (alarms(handled, name) for name in ("tamper", "tilt", "shock"))
    assert 0 <= ms_of(lid["received"]) - LID.start_ms <= SOON_MS
    for event, ms in ((tilt, TILT.start_ms), (shock, SHOCK.ms)):
        # Neither wakes a device that is at rest: it is found at the next wake, and reported then.
        assert 0 <= ms_of(event["received"]) - ms <= HOUR_MS + SOON_MS


def test_every_record_has_its_events(handled: Run) -> None:
    counts = handled.count_records()
    assert counts.wrong == [] and counts.lost == 0
    assert not alarms(handled, "card") and not alarms(handled, "gnss") and not alarms(handled, "temperature")


IMPORT = 'raise ValueError("injected at import")\n'
IN_WAKE = """
def write(*_):
    raise ValueError("injected in the wake")
"""


class Fault:
    """A slot with `source` in place of a module of the application, until one wake has run into it."""

    def __init__(self, flash: Path, module: str, source: str) -> None:
        self._slot = flash / "slots/a"
        self._good = self._slot.read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            firmware = Path(folder, "firmware")
            shutil.copytree(FIRMWARE, firmware, ignore=shutil.ignore_patterns("__pycache__"))
            (firmware / "locator" / f"{module}.py").write_text(source)
            self._slot.write_bytes(pack(1, application(firmware)))

    def mend(self) -> None:
        """The next wake is sound."""
        self._slot.write_bytes(self._good)


def test_faults_are_shown_by_the_agent_with_their_tracebacks(tmp_path: Path) -> None:
    built = stage.build(tmp_path, stage.Scenario("bg95", 2, 1))
    data = built.flash / "data"
    faults = [Fault(built.flash, "wake", IMPORT)]
    seen = []

    def after_wake(now_ms: int) -> None:
        if faults and (data / "fault.new").exists():
            seen.append(now_ms)
            faults.pop().mend()
        elif len(seen) == 1 and not faults and not (data / "fault.txt").exists():
            faults.append(Fault(built.flash, "session/extras", IN_WAKE))  # the first one was reported

    try:
        run = run_until(built, 10 * HOUR_MS, after_wake)
        shown = built.services.agent.do("devices", "log", DEVICE)
    finally:
        built.close()
    assert len(seen) == 2 and not faults
    assert run.stage.device.counters.crashes == 2
    assert "ValueError: injected in the wake" in shown
    assert re.search('"locator.wake", line [0-9]+, in ', shown)
    assert "ValueError: injected at import" in shown
    assert re.search("(?m)^faults +2$", shown)
    assert run.had.points
    assert not (data / "fault.txt").exists()
