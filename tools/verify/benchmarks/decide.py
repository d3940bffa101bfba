"""Measures the cost of a decision: time, garbage, state, and the memory that the scheduler keeps.

`python -m tools.verify.benchmarks.decide [--modem bg95|sim7600] [--days N] [--seed N] [--out DIR]` runs a
short trip of the full world, in which the device writes down all that each of its decisions knows, and
decides the same again under MicroPython. It prints the figures, writes DIR.json and exits with 1, naming what
fell short.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from locator import state
from rich.console import Console
from rich.table import Table

from tools.ending import one_line
from tools.flash.layout import ENTRY, SLOT, VERIFY_ON_DEVICE, LayoutError, application, constants
from tools.flash.slot import pack
from tools.options import whole
from tools.world import stage
from tools.world.demo.demo import MODEMS, Parser
from tools.world.device import heap
from tools.world.device.process import interpreter
from tools.world.services.processes import ServiceError

MOST_MS = 5.0
"""On a core of a desktop."""
MOST_LEFT_BYTES = 2_048
"""In words of 64 bits, twice those of the ESP32."""
MOST_STATE_BYTES = 576
HEAP_KW = 256
ON_DEVICE = VERIFY_ON_DEVICE / "decide.py"
NOTES = "decisions.txt"
START = f'''
"""What power_on.py of the simulated board does; and each decision is written down with all that it knows."""
import json

import lockstep

lockstep.connect()
import boot

lockstep.port.charge()
from locator.scheduler.pace import Pace

decide = Pace.next
WAY = ("to_go_s", "deviation_s", "country_s", "bin", "learned", "mcc", "next_mcc", "leg_s")
WAY += ("networks", "costs", "shares", "ahead")
ACTION = ("kind", "reason", "limit_s", "patience_s", "plmn", "wake_on", "mcc")


def noted(pace, state, senses, pending, settings):
    before = list(state)
    action = decide(pace, state, senses, pending, settings)
    way = {{name: getattr(pace._forecast, name) for name in WAY if hasattr(pace._forecast, name)}}
    decided = [getattr(action, name) for name in ACTION]
    with open("{NOTES}", "a") as notes:
        json.dump((before, senses, pending, list(settings), tuple(pace._costs), way, decided), notes)
        notes.write("\\n")
    return action


Pace.next = noted
import main
'''


@dataclass(frozen=True)
class Cost:
    """Of all decisions of a trip."""

    decisions: int
    median_ms: float
    worst_ms: float
    first_ms: float
    """With the imports of the scheduler."""
    median_left_bytes: float
    worst_left_bytes: int
    otherwise: int
    """Decisions that came out otherwise than on the trip: same inputs, same answer."""
    state_bytes: int


def note(out: Path, modem: str, seed: int, days: int) -> Path:
    """Run a trip; return the file with its decisions, one JSON line each."""
    built = stage.build(out, stage.Scenario(modem, seed, days), heap_kw=HEAP_KW)  # type: ignore[arg-type]
    try:
        (built.flash / ENTRY).write_text(START)
        (built.flash / SLOT).write_bytes(pack(constants()["SEQUENCE"], _application()))
        built.device.run(built.trip.end_ms, lambda now_ms: None)
        if built.device.counters.crashes:
            raise ServiceError("the device raised an exception while it wrote its decisions")
    finally:
        built.close()
    return built.flash / NOTES


def _application() -> dict[str, bytes]:
    """As it is shipped, but for the names that are used here."""
    return application(met_by=(START, ON_DEVICE.read_text()))


def weigh(notes: Path) -> Cost:
    """Decide all of it again."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in _application().items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_bytes(content)
        environment = os.environ | {"MICROPYPATH": f"{folder}:{os.environ.get('MICROPYPATH', '.frozen')}"}
        command = [*interpreter(HEAP_KW * 4), str(ON_DEVICE), str(notes)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if not run.stdout.startswith("{"):
        raise ServiceError(f"{ON_DEVICE.name}: {run.stdout + run.stderr}")
    result = json.loads(run.stdout)
    return Cost(
        decisions=len(result["us"]),
        median_ms=statistics.median(result["us"]) / 1_000,
        worst_ms=max(result["us"]) / 1_000,
        first_ms=result["first_us"] / 1_000,
        median_left_bytes=statistics.median(result["left"]),
        worst_left_bytes=max(result["left"]),
        otherwise=result["otherwise"],
        state_bytes=4 * state.SIZE,
    )


def fell_short(cost: Cost) -> list[str]:
    """One line for each demand that is not met."""
    demands = (
        ("the slowest decision, ms", cost.worst_ms, MOST_MS),
        ("the most that one leaves on the heap, bytes", cost.worst_left_bytes, MOST_LEFT_BYTES),
        ("state, bytes", cost.state_bytes, MOST_STATE_BYTES),
        ("decisions otherwise than on the trip", cost.otherwise, 0),
    )
    return [f"{what}: {value:g}, at most {most:g}" for what, value, most in demands if value > most]


def table(cost: Cost, resident: int) -> Table:
    """The figures for people."""
    result = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = {
        "decisions": f"{cost.decisions:,}",
        "time of one": f"median {cost.median_ms:.2f} ms, worst {cost.worst_ms:.2f} ms",
        "the first of a wake": f"{cost.first_ms:.1f} ms with its imports",
        "left on the heap": f"median {cost.median_left_bytes:.0f} bytes, most {cost.worst_left_bytes}",
        "state": f"{cost.state_bytes} bytes",
        "resident": f"{resident:,} bytes of heap does the scheduler occupy, in words of 64 bits",
        "otherwise than on the trip": f"{cost.otherwise}",
    }
    for name, value in rows.items():
        result.add_row(name, value)
    return result


@one_line(ServiceError, LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = Parser(
        prog="python -m tools.verify.benchmarks.decide", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--modem", choices=MODEMS, default="bg95")
    parser.add_argument("--days", type=whole(1), default=10)
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument(
        "--out", type=Path, default=Path("out/decide-bench"), help="folder; figures in OUT.json"
    )
    arguments = parser.parse_args()
    out, console = arguments.out.resolve(), Console()
    with console.status(f"a trip of {arguments.days} days writes down its decisions"):
        notes = note(out, arguments.modem, arguments.seed, arguments.days)
    with console.status("deciding again"):
        cost = weigh(notes)
        resident = heap.resident(arguments.modem, application())["scheduler"]
    short = fell_short(cost)
    content = {**asdict(cost), "resident_bytes": resident, "fell_short": short}
    out.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")
    for line in short:
        print(f"fell short: {line}", file=sys.stderr)
    console.print(table(cost, resident))
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
