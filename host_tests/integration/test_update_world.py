"""A device in mid-trip is updated by the real agent over the real broker; a release that crashes is not."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tools.flash import release
from tools.flash.layout import FIRMWARE
from tools.world import stage
from tools.world.oracle import delivered
from tools.world.oracle.records import Oracle, RecordCounts
from tools.world.stage import DEVICE, Stage

pytestmark = pytest.mark.slow

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def sources(folder: Path, sequence: int, **changes: tuple[str, str]) -> Path:
    """The firmware as release `sequence`; `changes` are replacements by module."""
    firmware = folder / "firmware"
    shutil.copytree(FIRMWARE, firmware, ignore=shutil.ignore_patterns("__pycache__"))
    every = {"__init__": ("SEQUENCE = 1", f"SEQUENCE = {sequence}")} | changes
    for module, (before, after) in every.items():
        path = firmware / "locator" / f"{module}.py"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after).replace('"0.1.0"', f'"0.{sequence}.0"'))
    return firmware


def roll_out(built: Stage, firmware: Path, folder: Path, sequence: int) -> None:
    """Build a release of `firmware`, give it to the agent and have it rolled out."""
    release.build(folder / "release", "SIM", firmware, "bg95")
    do = built.services.agent.do
    do("updates", "add", str(folder / "release"))
    do("updates", "roll-out", str(sequence), "--board", "SIM", "--canaries", "1", "--days", "0")


def run_trip(built: Stage, until_ms: int) -> Oracle:
    """Run the device up to `until_ms`, and on until nothing waits."""
    oracle = Oracle(built.flash, built.trip, built.network.traffic)
    built.device.run(until_ms, lambda now_ms: oracle.after_wake())
    for hour in range(1, 24):
        if not oracle.pending():
            break
        built.device.run(until_ms + hour * HOUR_MS, lambda now_ms: oracle.after_wake())
    return oracle


def record_counts(built: Stage, oracle: Oracle) -> RecordCounts:
    delivered.await_outbox(built.services.agent.database)
    return oracle.count(delivered.read(built.services.agent.database, DEVICE).points)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: Any) -> Any:
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    made = stage.build(tmp_path / "world", stage.Scenario("bg95", 3, 4, settings=["paced=0"]))
    yield made
    made.close()


def status(built: Stage) -> list[str]:
    """The line of the device in `landbridge updates status`, in words."""
    return built.services.agent.do("updates", "status").splitlines()[1].split("  ")


def test_a_device_in_mid_trip_is_updated_and_loses_no_point(built, tmp_path):
    roll_out(built, sources(tmp_path, 2), tmp_path, 2)
    oracle = run_trip(built, 2 * DAY_MS)
    line = " ".join(status(built))
    assert "running" in line and "on trial" not in line, line
    shown = built.services.agent.do("devices", "show", DEVICE)
    assert "0.2.0" in shown
    result = record_counts(built, oracle)
    assert (result.wrong, result.lost, result.in_flash) == ([], 0, 0)
    assert result.stored >= 40
    assert built.device.counters.crashes == 0
    assert built.network.stalls == 0


def test_a_release_that_crashes_is_rolled_back_and_its_roll_out_halts(built, tmp_path):
    broken = sources(tmp_path, 2, wake=("def run(port, board):", "def run(port, board):\n    port.nothing()"))
    roll_out(built, broken, tmp_path, 2)
    oracle = run_trip(built, 2 * DAY_MS)
    assert "halted: failed on 1 of 1 device" in built.services.agent.do("updates", "list")
    line = " ".join(status(built))
    assert "crashed" in line
    assert "0.1.0" in built.services.agent.do("devices", "show", DEVICE)
    result = record_counts(built, oracle)
    assert (result.wrong, result.lost, result.in_flash) == ([], 0, 0)
    assert built.device.counters.crashes == 1
