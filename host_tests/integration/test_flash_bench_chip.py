"""`make bench-chip` on a stand-in for a board: every figure is there, and what cannot be right is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.bench import power
from tools.bench.energy import Span
from tools.flash import assumed, bench_chip, deploy, device, micropython
from tools.flash.fake_board import FakeBoard
from tools.flash.layout import compile_module

MODULE = """
NAME, MODEM, BATTERY_ADC, LED_PIN = "REFERENCE_BG95", "bg95", 34, None

class Port:
    data_dir, config_dir = "/data", "/config"
    rtc_memory, reset_cause, wake_reason = b"", 1, 0
    uncalibrated = True

    def __getattr__(self, name):
        return lambda *_: 0

    def sleep_ms(self, ms):
        import time
        time.sleep_ms(ms)

    def senses(self):
        return (0, 215, 0, 0, 0, 0, 0)

make_port = Port
"""
TIMES = ("import", "later", "envelope", "seal_200", "collect", "read", "erase", "write_kb", "reset", "main")
COUNTS = ("reads", "heap", "heap_used", "block", "stack_left")


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A flash with that of a board that needs no world, and a record."""
    folder = tmp_path_factory.mktemp("firmware")
    (folder / "board.py").write_text(MODULE)
    compile_module(folder / "board.py", folder / "board.py", folder)
    files = deploy.files("REFERENCE_BG95") | {"board.mpy": (folder / "board.mpy").read_bytes()}
    with FakeBoard(folder) as powered:
        there = device.Device(powered.port)
        deploy.deploy(there, files)
        there.make_folder("data/journal")
        there.write("data/journal/00000001.seg", b"a record")
        there.close()
    return powered.flash.read_bytes()


@pytest.fixture
def board(firmware: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBoard]:
    """With firmware on it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench_chip, "STATE_S", 0)
    monkeypatch.setattr(bench_chip, "SLEEP_S", 0.2)
    (tmp_path / "flash.bin").write_bytes(firmware)
    with FakeBoard(tmp_path) as powered:
        yield powered


def command(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr("sys.argv", ["bench_chip", *options])
    return bench_chip.main()


def reported(tmp_path: Path) -> dict[str, Any]:
    (file,) = tmp_path.glob("out/bench-chip/*/report.json")
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def there_is(board: FakeBoard) -> tuple[str, str]:
    there = device.Device(board.port)
    # An interrupted wake is recorded as a fault, also one that the bench interrupts.
    there.remove("data/fault.new")
    listed = there.run("import os\nfor each in ('/', 'data', 'data/journal'):\n    print(os.listdir(each))")
    kept = there.read("data/journal/00000001.seg").decode()
    there.close()
    return listed.strip(), kept


def test_every_figure_is_measured_and_nothing_is_left_behind(board, tmp_path, monkeypatch, capsys):
    before = there_is(board)
    assert command(monkeypatch, "--port", board.port) == 0
    said = capsys.readouterr().out
    content = reported(tmp_path)
    assert set(content["measured"]) == {*TIMES, *COUNTS} and not content["left_out"]
    assert all(value >= 0 for value in content["measured"].values()) and content["measured"]["reads"] > 0
    assert content["found"] == {"calibration": "missing", "battery_mv": "0"}
    assert content["board"]["chip"] == board.chip.hex()
    rows = Path(next(tmp_path.glob("out/bench-chip/*/report.md"))).read_text()
    for each in assumed.figures("bg95"):
        assert (each.words in rows) == (each.state is None)
    assert "beyond its range: " in said or "every figure is within its range" in said
    assert "report to send back: out/bench-chip/" in said
    assert there_is(board) == before and before[1] == "a record"


def recording(path: Path, begin_s: float, end_s: float, watts: float = 0.1) -> Path:
    rows = [f"{begin_s + i * (end_s - begin_s) / 100},{watts / 3.6}" for i in range(101)]
    path.write_text("\n".join(["time_s,current_a", *rows]) + "\n")
    return path


def test_with_a_meter_every_state_has_its_current(board, tmp_path, monkeypatch, capsys):
    now_s = time.time()
    file = recording(tmp_path / "run.csv", now_s - 1_000, now_s + 9_000)
    assert command(monkeypatch, "--port", board.port, "--meter", str(file), "--volts", "3.6") == 0
    content = reported(tmp_path)
    assert set(content["watts"]) == set(assumed.STATES)
    assert content["watts"]["sleep"] == pytest.approx(0.1, rel=1e-3)  # Unix time as a float: 0.2 us steps
    assert "sleep" in content["differing"]
    said = capsys.readouterr().out
    assert "deep sleep 100 mW (27.8 mA), assumed 0.036 mW (10 uA) to 0.432 mW (120 uA): " in said
    assert 'tools/world/device/meter.py: SLEEP_FLOOR_W["bg95"]' in said


def test_a_recording_that_is_of_no_use_leaves_the_other_figures(board, tmp_path, monkeypatch, capsys):
    file = recording(tmp_path / "run.csv", 1_000_000_000, 1_000_000_100)
    metered = ("--port", board.port, "--meter", str(file))
    assert command(monkeypatch, *metered) == bench_chip.USAGE
    assert "give the supply's voltage with --volts" in capsys.readouterr().err
    assert (
        command(monkeypatch, "--port", board.port, "--meter", str(file), "--volts", "3.6") == bench_chip.USAGE
    )
    assert "does not cover the state active" in capsys.readouterr().err
    assert len(list(tmp_path.glob("out/bench-chip/*/report.json"))) >= 1


def test_a_recording_without_a_common_clock_is_placed_by_its_powers(tmp_path):
    spans = [Span(name, 1, 10.0 * i, 10.0 * (i + 1)) for i, name in enumerate(assumed.STATES)]
    watts = {"active": 0.16, "active-80": 0.11, "wait": 0.07, "light": 0.004, "sleep": 0.0002}
    rows = ["time_s,current_a,voltage_v"]
    rows += [f"{7 + at / 10},{list(watts.values())[at // 100] / 3.6:.6f},3.6" for at in range(500)]
    rows += ["57,0.0,3.6"]
    (tmp_path / "run.csv").write_text("\n".join(rows) + "\n")
    profile = power.load(tmp_path / "run.csv")
    found, aligned = bench_chip.draws(profile, "2026-01-01T00:00:00+00:00", spans)
    assert found == pytest.approx(watts, rel=0.02)
    assert aligned["offset_s"] == pytest.approx(7, abs=0.1)


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str) -> str:
    assert command(monkeypatch, "--port", port) == bench_chip.FAILED
    assert not Path("out").exists()
    return capsys.readouterr().err


def test_a_bench_that_cannot_measure_stops_with_a_remedy(board, tmp_path, monkeypatch, capsys):
    assert "no such port" in refused(monkeypatch, capsys, str(tmp_path / "none"))
    with monkeypatch.context() as patched:
        patched.setattr(bench_chip, "FIRMWARE", "print(('X', 'bg95', False, True))")
        assert "remove it: mpremote rm :board.py" in refused(monkeypatch, capsys, board.port)
        patched.setattr(bench_chip, "FIRMWARE", "print(('X', 'bg95', True, False))")
        assert "on trial" in refused(monkeypatch, capsys, board.port)
    with monkeypatch.context() as patched:
        patched.setattr(bench_chip, "start", lambda port: {})
        patched.setattr(bench_chip, "source", lambda name: "def times(later):\n    raise AttributeError(1)")
        said = refused(monkeypatch, capsys, board.port)
        assert "its release is not that of this folder: make deploy" in said
    with monkeypatch.context() as patched:
        patched.setattr(bench_chip, "STAND_IN", "import os\nos.remove('board.py')\nraise KeyboardInterrupt")
        patched.setattr(bench_chip, "START_S", 1)
        assert "nothing was heard within 1 s of a reset" in refused(monkeypatch, capsys, board.port)
    monkeypatch.setattr(micropython, "OLDEST", (9, 9))
    assert "make flash first" in refused(monkeypatch, capsys, board.port)


def test_a_board_without_firmware_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with FakeBoard(tmp_path) as bare:
        said = refused(monkeypatch, capsys, bare.port)
    assert "no firmware of ours is on it: make flash or make deploy" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--volts", "3.8"], "--volts goes with --meter FILE"),
        (["--meter", "run.csv", "--volts", "38"], "38 is not a supply voltage; write 1 to 20"),
        (["--meter", "/no/folder/run.csv"], "no such folder"),
    ],
)
def test_options_that_cannot_be_right(options, said, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        command(monkeypatch, "--port", "/dev/none", *options)
    assert said in capsys.readouterr().err


def test_a_figure_that_the_image_does_not_report_is_left_out_and_named(board, tmp_path, monkeypatch, capsys):
    whole = bench_chip.run

    def without(port: str, call: str) -> dict[str, str]:
        return {name: value for name, value in whole(port, call).items() if name != "stack_left"}

    monkeypatch.setattr(bench_chip, "run", without)
    assert command(monkeypatch, "--port", board.port) == bench_chip.LEFT_OUT
    assert "left out: stack_left" in capsys.readouterr().err
    assert reported(tmp_path)["left_out"] == ["stack_left"]


def test_every_term_of_the_simulated_world_is_found():
    for modem in ("bg95", "sim7600"):
        named = {each.name: each for each in assumed.figures(modem)}
        for term in ("reset", "main", "import", "read", "erase", "write_kb", "reads", "light", "sleep"):
            assert named[term].value and not named[term].differs(named[term].value)
            assert named[term].differs(2 * named[term].most)
