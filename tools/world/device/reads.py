"""Use of the flash in a wake: reads, erases and bytes written, by kind of wake.

`python -m tools.world.device.reads` runs the device for some days in the world of `make demo`, on a flash
with LittleFS that is mounted as MicroPython's stock image mounts it, with a journal of 30 days. All counts go
from that mount, before boot.py, to the deep sleep, at the block device. What a real board imports is imported
as well, as for `make heap` (tools/world/device/on_device/heap/). Prints a table for each modem, writes
out/reads.json, and exits with 1 when a kind of wake took more than its budget, or did not come.

Held to the budget is each single wake; next to the maximum stand the median and what 95 of 100 wakes stay
below.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple, get_args

from landbridge.db.database import Database
from landbridge.points.queries import gaps
from rich.console import Console
from rich.table import Table

from tools.ending import one_line
from tools.flash.layout import ENTRY, FIRMWARE, STAND_INS, VERIFY_ON_DEVICE, LayoutError
from tools.modem.card.euicc import Euicc
from tools.modem.registry import Dialect
from tools.world import stage
from tools.world.device import firmware
from tools.world.device.heap import add_chip
from tools.world.device.process import interpreter
from tools.world.radio.cards import LANDING
from tools.world.services.processes import ServiceError
from tools.world.services.smdp.server import Fault

MODEMS: tuple[Dialect, ...] = get_args(Dialect)
HOURS = 112
"""The train departs after 89."""
LANDING_HOURS = 12
"""In which a profile comes to the card of another device."""
DOWNLOAD = "download"
RECORDS = 30 * 96
ACKNOWLEDGED = RECORDS - 16
HEAP_KW = 1536
"""The whole flash lies in the heap."""
OUT = Path("out/reads.json")
SCRIPT = VERIFY_ON_DEVICE / "reads.py"
IMAGE = "flash.img"
START = f"""import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
import esp32, machine, lockstep, board
import reads
lockstep.connect()
reads.wake({IMAGE!r}, lockstep.port)
"""
OF_THE_PORT = ("lockstep.mpy", "esp32.mpy", "machine.mpy")
"""Modules of the simulated board that a chip has in itself: they lie elsewhere, and do not count."""


class Counts(NamedTuple):
    """The use of the flash in a wake."""

    reads: int
    bytes_read: int
    erases: int
    bytes_written: int


class Budget(NamedTuple):
    """The budget of a kind of wake; None: no limit."""

    reads: int
    erases: int | None = 2
    bytes_written: int | None = 4608


BUDGETS = {
    "first": Budget(4000, None, None),
    "timer": Budget(1500),
    "record": Budget(1500),
    "fix": Budget(1500),
    "session": Budget(1500),
    DOWNLOAD: Budget(3000, 24, 65536),
}
"""By kind: the first after power-on; nothing but a look around; a record without a search for satellites, and
with one; the agent has answered, whatever came before; a profile was loaded onto the card."""
Wakes = dict[str, list[Counts]]


def measure(modem: Dialect, hours: int = HOURS) -> Wakes:
    """What each wake did, by its kind. Raises `ServiceError` when the device meets a fault."""
    found = wakes(modem, hours)
    return {**found, DOWNLOAD: wakes(modem, LANDING_HOURS, LANDING)[DOWNLOAD]}


def wakes(modem: Dialect, hours: int, card: str = "single") -> Wakes:
    """The same with a card, until a profile has come to it."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = stage.Scenario(modem, 1, -(-hours // 24) + 1, card=card)
        built = stage.build(Path(folder), scenario, heap_kw=HEAP_KW)
        kinds: list[str] = []
        before = firmware.moments(b""), _profiles(built)
        # The first wake has more to read than another.
        faults = built.smdp.faults if built.smdp else []
        faults[:] = [Fault("initiateAuthentication", http=503)]

        def note(_: int) -> None:
            nonlocal before
            faults.clear()
            now = firmware.moments(built.device.rtc_memory), _profiles(built)
            has_loaded = now[1] > before[1]
            kinds.append(DOWNLOAD if has_loaded else _kind(before[0], now[0]) if kinds else "first")
            before = now

        try:
            _make_flash(built.flash)
            # The agent has never seen them, and would ask for them again.
            with Database(built.services.agent.database).writing() as connection:
                gaps.note_gone(connection, stage.DEVICE, [(1, ACKNOWLEDGED)])
            for hour in range(1, hours + 1):
                if DOWNLOAD not in kinds:
                    built.device.run(hour * 3_600_000, note)
            if built.device.counters.crashes or built.device.counters.hangs:
                raise ServiceError("the device raised an exception; its output is above")
            counted = (built.flash / f"{IMAGE}.counts").read_text().splitlines()
        finally:
            built.close()
    found: Wakes = {kind: [] for kind in BUDGETS}
    for kind, line in zip(kinds, counted, strict=True):
        found[kind].append(Counts(*map(int, line.split())))
    return found


def _profiles(built: stage.Stage) -> int:
    return len(built.card.card.profiles) if isinstance(built.card.card, Euicc) else 0


def _make_flash(flash: Path) -> None:
    """Turn the folder of the device into an image, and leave in it what starts the device."""
    add_chip(flash)
    files = flash.with_name("files")
    shutil.move(flash, files)
    flash.mkdir()
    for name in OF_THE_PORT:
        shutil.move(files / name, flash / name)
    shutil.copyfile(files / "board.mpy", flash / "board.mpy")
    counts = (str(RECORDS), str(ACKNOWLEDGED))
    command = [*interpreter(HEAP_KW), str(SCRIPT), "make", str(flash / IMAGE), str(files), *counts]
    path = f"{FIRMWARE}:{STAND_INS}:.frozen"
    subprocess.run(command, env={"MICROPYPATH": path}, check=True)
    (flash / ENTRY).write_text(START)


def _kind(before: firmware.Moments, now: firmware.Moments) -> str:
    if now.reported_at != before.reported_at:
        return "session"
    if now.searched != before.searched:
        return "fix"
    return "record" if now.recorded != before.recorded else "timer"


def fell_short(found: Wakes) -> list[str]:
    """The budgets that are exceeded, or kinds of wake that did not occur."""
    short = []
    for kind, budget in BUDGETS.items():
        wakes = found[kind]
        if not wakes:
            short.append(f"{kind}: no such wake came")
            continue
        for name, most in budget._asdict().items():
            took = [getattr(each, name) for each in wakes]
            if most is not None and max(took) > most:
                over = sum(each > most for each in took)
                short.append(
                    f"{kind}: {max(took):,} {name.replace('_', ' ')}, {most:,} are allowed;"
                    f" {over} of {len(took)} wakes took more"
                )
    return short


def table(modem: Dialect, found: Wakes) -> Table:
    """Each count by kind of wake: its median, what 95 of 100 stay below, the most."""
    result = Table(title=f"Flash of a wake with the {modem}: median, 95 %, most")
    result.add_column("wake")
    for name in ("wakes", *Counts._fields):
        result.add_column(name.replace("_", " "), justify="right")
    for kind, wakes in found.items():
        columns = [sorted(each[i] for each in wakes) or [0] for i in range(len(Counts._fields))]
        cells = (f"{median(c):,.0f} {c[int(0.95 * len(c))]:,} {c[-1]:,}" for c in columns)
        result.add_row(kind, str(len(wakes)), *cells)
    return result


@one_line(ServiceError, LayoutError, OSError, subprocess.CalledProcessError)
def main() -> int:
    """The command line."""
    console = Console()
    found = {modem: measure(modem) for modem in MODEMS}
    for modem, wakes in found.items():
        console.print(table(modem, wakes))
    short = [f"{modem}, {line}" for modem, wakes in found.items() for line in fell_short(wakes)]
    counts = {
        modem: {kind: [c._asdict() for c in each] for kind, each in w.items()} for modem, w in found.items()
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(
        json.dumps({"budgets": {k: b._asdict() for k, b in BUDGETS.items()}, **counts, "fell_short": short})
        + "\n"
    )
    for line in short:
        print(f"fell short: {line}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
