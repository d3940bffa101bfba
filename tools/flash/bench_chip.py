"""Measures a board through its prompt: `make bench-chip PORT=/dev/ttyUSB0 [ARGS="--meter run.csv"]`.

Firmware must be on it. Start, imports, encryption, flash, heap and stack are compared with what the simulated
world assumes of them. With `--meter` the board holds each of its states for a while, and the recording of a
power profiler (as for `make bench-modem`) shows their current. The report goes to out/bench-chip/<time>/.
Records, settings and identity are only read; afterwards the tracker runs again.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from tools.bench import BenchError, power
from tools.bench.energy import Span, align, is_covered
from tools.flash import LayoutError, assumed
from tools.flash.assumed import Figure
from tools.flash.console import source
from tools.flash.device import RESET, Device
from tools.flash.imports import DECIDING, TALKING

OUT = Path("out", "bench-chip")
SILENT_S = 60
START_S = 10
STATE_S, SLEEP_S = 10, 30
EDGE_S = 1
"""Left out at both ends of a state: the line that says so, and settling."""
FAILED, USAGE, LEFT_OUT = 1, 2, 3
BOARD = "board.py"
FIRMWARE = """
import os
try:
    import board
    from start import slots
    print((board.NAME, board.MODEM, slots.on_trial, "{board}" in os.listdir()))
except ImportError:
    pass
""".replace("{board}", BOARD)
STAND_IN = f"""
import os, time
ticks_us = time.ticks_us()
os.remove("{BOARD}")
print("main_us|%d" % ticks_us)
raise KeyboardInterrupt
"""
"""In the place of board.mpy for one start: main.py imports it first. It ends at the prompt, without a wake;
after a power cut it is gone with the next start."""
OLD_RELEASE = ("AttributeError", "ImportError", "NameError", "TypeError")


class Board(NamedTuple):
    """The board on the port."""

    name: str
    modem: str
    micropython: str
    chip: str


@dataclass
class Report:
    """The figures measured on a board, by the names of `assumed.figures`; how the recording was placed."""

    board: Board
    began_utc: str
    measured: dict[str, float]
    found: dict[str, str]
    """Calibration and voltage: not to be compared."""
    watts: dict[str, float]
    left_out: list[str]
    aligned: dict[str, Any]

    @property
    def figures(self) -> list[Figure]:
        """In the order of the report; of the currents only those that were measured."""
        return [
            each
            for each in assumed.figures(self.board.modem)
            if each.state is None or each.name in self.measured
        ]

    @property
    def differing(self) -> list[Figure]:
        """Beyond what is assumed."""
        return [each for each in self.figures if each.differs(self.measured.get(each.name))]


@contextmanager
def connected(port: str) -> Iterator[tuple[Device, Board]]:
    """The board, just started; it runs again after an error. Raises `LayoutError` when there is no firmware
    on it, or a release on trial."""
    with closing(Device(port)) as device:
        try:
            yield device, _who(device, port)
        except BaseException:
            device.restart()
            raise


def _who(device: Device, port: str) -> Board:
    said = device.run(FIRMWARE).strip()
    if not said:
        raise LayoutError(f"{port}: no firmware of ours is on it: make flash or make deploy first")
    name, modem, is_on_trial, is_covered_up = ast.literal_eval(said)
    if is_on_trial:
        raise LayoutError(
            f"{port}: its release is on trial, and each stop counts against it: let it report first"
        )
    if is_covered_up:
        raise LayoutError(f"{port}: {BOARD} lies before board.mpy; remove it: mpremote rm :{BOARD}")
    return Board(name, modem, ".".join(map(str, device.version)), device.chip)


def start(port: str) -> dict[str, float]:
    """Seconds to main.py: from a reset by this computer's clock, from MicroPython's start by the chip's."""
    with connected(port) as (device, _):
        device.write(BOARD, STAND_IN.encode())
        began_s = time.monotonic()
        for line in device.listen(RESET, START_S):
            name, _, value = line.partition("|")
            if name.endswith("main_us"):
                return {"reset": time.monotonic() - began_s, "main": int(value) / 1e6}
    raise LayoutError(
        f"{port}: nothing was heard within {START_S} s of a reset: press RESET, check the supply, repeat"
    )


def run(port: str, call: str) -> dict[str, str]:
    """What a function of on_device/bench_chip.py says on a board that has just started."""
    try:
        with connected(port) as (device, _):
            printed = device.run(f"{source('bench_chip')}\n{call}\n", SILENT_S)
    except LayoutError as error:
        if not str(error).startswith(OLD_RELEASE):
            raise
        raise LayoutError(f"{port}: {error}: its release is not that of this folder: make deploy") from None
    return dict(line.strip().split("|", 1) for line in printed.splitlines() if "|" in line)


def hold(port: str, say: Callable[[str], None]) -> tuple[str, list[Span]]:
    """Have the board hold each of its states: the zero of time in ISO 8601, and when each was held. The last
    is deep sleep, after which the tracker runs."""
    begins: list[tuple[str, float]] = []
    code = f"{source('bench_chip')}\nstates({STATE_S}, {SLEEP_S})\n"
    with connected(port) as (device, _):
        began, began_s = datetime.now(UTC), time.monotonic()
        for line in device.listen(code, SILENT_S):
            if "state|" not in line:
                continue
            begins.append((line.rpartition("|")[2], time.monotonic() - began_s))
            say(f"holds {begins[-1][0]}")
            if begins[-1][0] == "sleep":
                break
        else:
            raise LayoutError(f"{port}: only {len(begins)} of its states were found: repeat")
    time.sleep(SLEEP_S)
    ends = [at for _, at in begins[1:]] + [begins[-1][1] + SLEEP_S]
    spans = [Span(name, 1, begin, end) for (name, begin), end in zip(begins, ends, strict=True)]
    return began.isoformat(), spans


def draws(
    profile: power.Profile, began_utc: str, spans: list[Span]
) -> tuple[dict[str, float], dict[str, Any]]:
    """Watts by state; where the recording was placed. Raises `BenchError` when it does not cover them."""
    offset_s, explained = align(profile, began_utc, spans)
    watts = {}
    for span in spans:
        edge_s = min(EDGE_S, (span.end_s - span.begin_s) / 4)
        inner = span._replace(begin_s=span.begin_s + edge_s, end_s=span.end_s - edge_s)
        if not is_covered(profile, inner, offset_s):
            raise BenchError(f"{profile.file}: it does not cover the state {span.name}: repeat")
        joules = profile.joules(inner.begin_s + offset_s, inner.end_s + offset_s)
        watts[span.name] = joules / (inner.end_s - inner.begin_s)
    return watts, {"file": profile.file, "offset_s": round(offset_s, 3), "explained": round(explained, 4)}


def measure(port: str, say: Callable[[str], None] = lambda _: None) -> Report:
    """All but the currents. The board is left at its prompt."""
    with connected(port) as (_, board):
        pass
    began = datetime.now(UTC)
    later = [f"locator.modem.{board.modem}", *DECIDING, *TALKING]
    say("start")
    values: dict[str, Any] = dict(start(port))
    say("times")
    said = run(port, f"times({later!r})")
    say("flash")
    said |= run(port, "flash()")
    values |= assumed.values(said)
    wanted = [each.name for each in assumed.figures(board.modem) if each.state is None]
    left_out = [name for name in wanted if name not in values]
    found = {name: said[name] for name in ("calibration", "battery_mv")}
    return Report(board, began.isoformat(timespec="seconds"), values, found, {}, left_out, {})


def table(report: Report) -> Table:
    """For people."""
    result = Table(title=f"{report.board.name}, MicroPython {report.board.micropython}")
    for name in ("figure", "measured", "assumed", "range", ""):
        result.add_column(name)
    for row in _rows(report):
        result.add_row(*row)
    return result


def _rows(report: Report) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for each in report.figures:
        value = report.measured.get(each.name)
        shown = "left out" if value is None else each.show(value)
        rows.append((each.words, shown, *each.shown, "differs" if each.differs(value) else ""))
    rows.append(("ADC calibration in eFuse", report.found["calibration"], "", "", ""))
    rows.append(("battery: compare it with a voltmeter", report.found["battery_mv"] + " mV", "", "", ""))
    return rows


def verdict(report: Report) -> str:
    """In one line: what differs by more than its range, and where to change it."""
    differing = "; ".join(
        f"{each.words} {each.show(report.measured[each.name])}, assumed {each.shown[1]}: {each.where}"
        for each in report.differing
    )
    return f"beyond its range: {differing}" if differing else "every figure is within its range"


def markdown(report: Report) -> str:
    """The report to send back."""
    board = report.board
    head = ("figure", "measured", "assumed", "range", "")
    lines = [f"# {board.name} measured", ""]
    lines += [
        f"{report.began_utc}, MicroPython {board.micropython}, chip {board.chip}, modem {board.modem}.",
        "",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *_rows(report))]
    lines += ["", verdict(report)]
    if report.left_out:
        lines += ["", "Left out: " + ", ".join(report.left_out)]
    return "\n".join(lines) + "\n"


def write(folder: Path, report: Report) -> None:
    """Write report.md and report.json into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    content: Mapping[str, Any] = asdict(report) | {
        "board": report.board._asdict(),
        "assumed": {each.name: asdict(each) for each in report.figures},
        "differing": [each.name for each in report.differing],
    }
    (folder / "report.json").write_text(json.dumps(content, indent=2) + "\n")
    (folder / "report.md").write_text(markdown(report))


def _meter(options: argparse.Namespace, report: Report, console: Console) -> str:
    """Add the currents to the report; what is wrong with the recording."""
    began_utc, spans = hold(options.port, console.print)
    if sys.stdin.isatty():
        console.input(f"Stop the recording, export it to {options.meter}, then press Enter: ")
    try:
        report.watts, report.aligned = draws(power.load(options.meter, options.volts), began_utc, spans)
    except BenchError as error:
        return str(error)
    report.measured |= report.watts
    return ""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.flash.bench_chip", description=__doc__)
    parser.add_argument("--port", required=True, help="for example /dev/ttyUSB0")
    parser.add_argument(
        "--meter", metavar="FILE", type=Path, help="CSV of a power profiler that is already recording"
    )
    parser.add_argument(
        "--volts", type=float, help="the supply's voltage, for a CSV without a column voltage"
    )
    options = parser.parse_args()
    if options.volts is not None and not options.meter:
        parser.error("--volts goes with --meter FILE")
    if options.volts is not None and not 1 <= options.volts <= 20:
        parser.error(f"--volts {options.volts:g} is not a supply voltage; write 1 to 20, for example 3.8")
    if options.meter and not options.meter.parent.is_dir():
        parser.error(f"--meter {options.meter}: no such folder")
    return options


def main() -> int:
    """The command line: 0, 1 when the board failed, 2 when the recording is of no use, 3 when a figure was
    left out."""
    options, console = _options(), Console()
    folder = OUT / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    complaint = ""
    try:
        report = measure(options.port, console.print)
        if options.meter:
            complaint = _meter(options, report, console)
        else:
            _restart(options.port)
    except (LayoutError, OSError) as error:
        print(error, file=sys.stderr)
        return FAILED
    write(folder, report)
    console.print(table(report))
    print(verdict(report))
    print(f"report to send back: {folder}/report.md, report.json")
    sys.stdout.flush()
    if complaint:
        print(complaint, file=sys.stderr)
        return USAGE
    if report.left_out:
        print("left out: " + ", ".join(report.left_out), file=sys.stderr)
        return LEFT_OUT
    return 0


def _restart(port: str) -> None:
    with closing(Device(port)) as device:
        device.restart()


if __name__ == "__main__":
    sys.exit(main())
