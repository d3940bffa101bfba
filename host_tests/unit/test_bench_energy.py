"""Power profiles against transcripts: where they lie on one another, and joules by step."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tools.bench import BenchError, energy, power
from tools.bench.run import Phase, Result
from tools.bench.transcript import Request

WANTED = Request("bg95", "/dev/test", 115_200, "2026-01-05T06:00:00+00:00")
BEGAN_UNIX_S = 1_767_592_800

ROUND = (
    ("attach", "radio off", 5.0, 0.02),
    ("attach", "search", 14.0, 0.21),
    ("attach", "idle", 10.0, 0.09),
    ("gnss", "cold", 38.0, 0.20),
    ("gnss", "track", 10.0, 0.16),
    ("mqtt", "connect", 6.0, 0.40),
    ("mqtt", "send", 2.0, 0.60),
    ("mqtt", "tail", 20.0, 0.12),
    ("sleep", "asleep", 10.0, 0.004),
)
"""Step, phase, seconds, watts."""


def results(rounds: int = 2, start_s: float = 3.0) -> list[Result]:
    """The results of a run."""
    found: list[Result] = []
    now_ms = round(1000 * start_s)
    for number in range(1, rounds + 1):
        for step, phase, seconds, _ in ROUND:
            if not found or (found[-1].step, found[-1].round) != (step, number):
                found.append(Result(step, number, "ok", now_ms))
            begin_ms, now_ms = now_ms, now_ms + round(1000 * seconds)
            found[-1].phases.append(Phase(phase, begin_ms, now_ms))
            found[-1].end_ms = now_ms
    return found


def recorded(
    path: Path, zero_s: float, rounds: int = 2, noise_w: float = 0.03, before_s: float = 20.0
) -> Path:
    """A profile at 20 Hz in which the transcript's zero is at `zero_s`; it begins `before_s` before."""
    rng = random.Random("profile")
    steps = [
        (before_s + 3.0, 0.05),
        *((seconds, watts) for _ in range(rounds) for _, _, seconds, watts in ROUND),
    ]
    steps.append((15.0, 0.05))
    lines, at_s = ["Timestamp(ms),Current(uA),Voltage(mV)"], zero_s - before_s
    for seconds, watts in steps:
        for i in range(round(seconds * 20)):
            level_w = watts + rng.uniform(-noise_w, noise_w) * (watts > 0.01)
            lines.append(f"{1000 * (at_s + i / 20):.1f},{1e6 * level_w / 3.6:.2f},3600")
        at_s += seconds
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("zero_s", [20.0, 61.7, BEGAN_UNIX_S])
def test_joules_by_step(zero_s, tmp_path):
    profile = power.load(recorded(tmp_path / "p.csv", zero_s))
    found = energy.measure(profile, WANTED, results())
    assert abs(found["aligned"]["offset_s"] - zero_s) < 0.1
    for step, phase, seconds, watts in ROUND:
        one = found["phases"][f"{step}/{phase}"]
        assert one["joules"]["n"] == 2
        assert one["watts"]["mean"] == pytest.approx(watts, rel=0.08, abs=0.002)
        assert one["seconds"] == {"n": 2, "mean": seconds, "sd": 0.0}
    upload_j = sum(seconds * watts for step, _, seconds, watts in ROUND if step == "mqtt")
    assert found["constants"]["upload_j"]["mean"] == pytest.approx(upload_j, rel=0.05)
    assert found["constants"]["upload_j"]["n"] == 2
    assert found["constants"]["sleep_w"]["mean"] == pytest.approx(0.004, rel=0.5)
    assert 0 < found["constants"]["attach_j"]["sd"] < 0.2


def test_steps_that_the_profile_does_not_cover_are_left_out(tmp_path):
    path = recorded(tmp_path / "p.csv", 20.0)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[: len(lines) - 20 * 25]) + "\n")  # ends within the second sleep
    found = energy.measure(power.load(path), WANTED, results())
    assert found["phases"]["sleep"]["joules"]["n"] == 1
    assert found["phases"]["gnss"]["joules"]["n"] == 2


def test_steps_that_failed_are_left_out(tmp_path):
    measured = results()
    measured[1].state = "failed"
    found = energy.measure(power.load(recorded(tmp_path / "p.csv", 20.0)), WANTED, measured)
    assert found["phases"]["gnss"]["joules"]["n"] == 1


def test_the_recording_of_another_run(tmp_path):
    rng = random.Random("other")
    rows = [f"{i / 10},{rng.uniform(0.01, 0.2):.4f},3.6" for i in range(4_000)]
    path = tmp_path / "p.csv"
    path.write_text("\n".join(["time,current,voltage", *rows]))
    with pytest.raises(BenchError, match="does not fit the transcript"):
        energy.measure(power.load(path), WANTED, results())


def test_a_clock_of_another_day_is_reported(tmp_path):
    profile = power.load(recorded(tmp_path / "p.csv", BEGAN_UNIX_S + 86_400))
    with pytest.raises(BenchError, match="covers no step"):
        energy.measure(profile, WANTED, results())


def test_a_constant_load_needs_no_fit(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("time,current,voltage\n0,0.1,3.6\n600,0.1,3.6\n")
    found = energy.measure(power.load(path), WANTED, results())
    assert found["phases"]["gnss/cold"]["joules"]["mean"] == pytest.approx(38 * 0.36)


@pytest.mark.parametrize(
    ("head", "row", "joules"),
    [
        ("time,current,voltage", "0,1,2\n1,1,2", 2.0),
        ("time_s,current_a,voltage_v", "0,1,2\n1,1,2", 2.0),
        ("Voltage (mV), Current [mA] ,Time (ms)", "2000,1000,0\n2000,1000,1000", 2.0),
        ("timestamp_us,note,current_ua,voltage", "0,x,1000000,2\n1000000,y,1,2", 2.0),
    ],
)
def test_heads_and_units(head, row, joules, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(f"{head}\n{row}\n")
    profile = power.load(path)
    assert profile.joules(profile.begin_s, profile.end_s) == pytest.approx(joules)
    assert profile.joules(-5, profile.begin_s) == profile.joules(profile.end_s, 99) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "row 1: no column time; the header row must be like time_s,current_a,voltage_v"),
        ("0,0.1,3.6\n1,0.1,3.6\n", "row 1: no column time"),
        ("time,voltage\n0,3\n", "row 1: no column current"),
        ("time,current_kg,voltage\n", "row 1, column current: unit 'kg'"),
        ("time,current,voltage\n0,0.1,3.6\n1,x,3.6\n", "row 3, column current: 'x' is not a number"),
        ("time,current,voltage\n0,0.1,3.6\n1,0.1\n", "row 3, column voltage: '' is not a number"),
        ("time,current,voltage\n0,0.1,nan\n", "row 2, column voltage: 'nan' is not a number"),
        ("time,current,voltage\n5,0.1,3.6\n4,0.1,3.6\n", "row 3, column time: 4.0 s is before the row above"),
        ("time,current,voltage\n0,0.1,3.6\n", "too few samples"),
    ],
)
def test_wrong_files(text, said, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(BenchError) as raised:
        power.load(path)
    assert said in str(raised.value) and str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_no_file(tmp_path):
    with pytest.raises(BenchError, match="cannot be read"):
        power.load(tmp_path / "none.csv")
