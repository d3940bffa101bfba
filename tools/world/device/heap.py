"""Memory of the device: the heap that each folder occupies, and the smallest heap in which a whole wake runs.

`python -m tools.world.device.heap` prints both for each modem, writes them to out/heap.json and exits with 1
when a wake needs more than the budget. Two whole wakes are the largest there are: attach, fix, record, a
session of several full turns and the pull of a release, the one after a switch of the card's profile, the
other with the download of a profile onto the card. Heaps are in kilo-words (`80wK`): what 80 KiB are on the
ESP32, whose words have 32 bits, however wide the words of this machine are.

What a real board has is there as well, in memory if not in use, and counts: the port of the ESP32, its
accelerometer and the pins (`tools/world/device/on_device/heap/`); LittleFS, whose caches lie in the heap.

`--micropython PATH` measures another one in place of the wheel's: `make heap32` gives that of 32 bits, on
which byte strings and code weigh what they do on the chip. The simulated
board's port, which is not the firmware's, is frozen into it and takes next to nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from rich.console import Console
from rich.table import Table

from tools.ending import one_line
from tools.flash import BOARDS, release
from tools.flash.boards import device_module
from tools.flash.image import SIMULATED, littlefs, unpack
from tools.flash.imports import ordinary
from tools.flash.layout import (
    ENTRY,
    FIRMWARE,
    PORTS,
    VERIFY_ON_DEVICE,
    LayoutError,
    application,
    compile_module,
    constants,
)
from tools.flash.micropython import OTA_FILES
from tools.flash.wake_sim import START
from tools.modem.card.euicc import Euicc
from tools.modem.registry import Dialect
from tools.world import stage
from tools.world.device import firmware
from tools.world.device.process import HEAP_KW, OTHER, interpreter
from tools.world.radio.cards import LANDING
from tools.world.services.processes import ServiceError
from tools.world.services.smdp.server import Fault

MODEMS: tuple[Dialect, ...] = get_args(Dialect)
ROOMS = ("codec", "hal", "modem", "journal", "scheduler", "session", "downlink", "actions", "wake")
"""In an order in which each finds what it imports in the ones before."""
SWITCH, NAMES = "switch", "names"
SWITCHING = (
    "locator.actions.profile", "locator.esim.switch", "locator.esim.policy", "locator.esim.limits",
    "locator.esim.apdu", "locator.esim.euicc",
)  # fmt: skip
"""Modules that are imported only for a profile switch."""
PROBE = VERIFY_ON_DEVICE / "heap.py"
BACKLOG = 200
"""Records that wait when the wake begins: four turns, three of them full."""
LEAST_KW, MOST_KW = 40, 160
ROOMY_KW = 256
_, FLASH_BYTES = OTA_FILES
WITHIN_S = 12 * 3600
"""In which the wake that is measured comes to a new device."""
POINTER = Path("slots/pointer.bin")
"""Written by the first boot; without it the wake would begin with a choice between two slots."""
CHIP = PORTS["SIM"] / "heap"
BEFORE_BOOT = "import machine\n"
"""The stand-in for the chip's, not what MicroPython on Unix has under this name."""
AT_BOOT = "import chip\nimport lockstep\nlockstep.port.charge = lambda: None\n"
"""What the simulated board has a price for is imported when the wake uses it, as on hardware, not at boot."""
OUT = Path("out")


class Kind(NamedTuple):
    """A wake that is measured."""

    name: str
    card: str
    is_done: Callable[[stage.Stage], bool]
    """Whether it has come."""


def _has_switched(built: stage.Stage) -> bool:
    return built.card.switches() > 0


def _has_loaded(built: stage.Stage) -> bool:
    return isinstance(built.card.card, Euicc) and len(built.card.card.profiles) > 1


KINDS = (Kind("switch", "euicc4", _has_switched), Kind("download", LANDING, _has_loaded))


class Before(NamedTuple):
    """The state at the beginning of the measured wake."""

    data: Path
    rtc_memory: bytes
    at_s: int
    release: Path
    """The one that is offered to it."""


def resident(modem: Dialect, modules: Mapping[str, bytes]) -> dict[str, int]:
    """Bytes that each room keeps, by room, of what an ordinary wake imports and of the card's modules; after
    them those of all names. Words of the interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        add_chip(Path(folder))
        for name, content in modules.items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_bytes(content)
        groups = [f"{room}={module}" for room in ROOMS for module in _modules(room, modem)]
        groups += ["hal=chip", *(f"{SWITCH}={module}" for module in SWITCHING)]
        command = [*interpreter(ROOMY_KW), str(PROBE), *groups]
        environment = {"MICROPYPATH": f"{folder}:{os.environ.get('MICROPYPATH', '.frozen')}"}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    kept = dict.fromkeys((*ROOMS, SWITCH), 0)
    for room, size in re.findall(r"^(\w+) (\d+)$", run.stdout, re.MULTILINE):
        kept[room] += int(size)
    (names,) = re.findall(r"n_total_bytes=(\d+)", run.stdout)
    return {**kept, NAMES: int(names)}


def add_chip(folder: Path) -> None:
    """What chip.py needs, and chip.py itself, as modules in `folder`."""
    (folder / "pins.py").write_text(device_module(BOARDS / SIMULATED))
    compile_module(folder / "pins.py", folder / "pins.py", folder)
    (folder / "pins.py").unlink()
    for source in CHIP.glob("*.py"):
        compile_module(source, folder / source.name, CHIP)


def _modules(room: str, modem: Dialect) -> Iterator[str]:
    """Dotted names of the modules of a room that an ordinary wake imports."""
    for path in sorted(ordinary(modem)):
        parts = path.relative_to(FIRMWARE).with_suffix("").parts
        mine = parts[1] if len(parts) > 2 else "wake"
        if mine == room and parts[0] == "locator":
            yield ".".join(part for part in parts if part != "__init__")


def least_heap_kw(modem: Dialect, kind: Kind, before: Before, console: Console) -> int:
    """The smallest heap, in kilo-words, in which the whole wake ends with all done."""
    low, high = LEAST_KW, MOST_KW
    while high - low > 1:
        middle = (low + high) // 2
        with console.status(f"{modem}, {kind.name}: one wake in {middle}wK"):
            enough = _wakes_in(modem, kind, before, middle)
        low, high = (low, middle) if enough else (middle, high)
    return high


def wakes_before(modem: Dialect, kind: Kind, data: Path) -> tuple[bytes, int]:
    """With room for everything, from the first start to before the first wake of this kind; leaves what is in
    flash in `data`, returns the RTC memory and the second of the trip. The first wake is none: what comes
    later finds more in flash."""
    with tempfile.TemporaryDirectory() as folder:
        built = stage.build(Path(folder), stage.Scenario(modem, 1, 1, card=kind.card), heap_kw=ROOMY_KW)
        kept = b"", 0
        faults = built.smdp.faults if built.smdp else []
        faults[:] = [Fault("initiateAuthentication", http=503)]

        def keep(now_ms: int) -> None:
            nonlocal kept
            faults.clear()
            if kind.is_done(built):
                kept = kept[0], kept[1] or now_ms // 1000
            else:
                shutil.rmtree(data, ignore_errors=True)
                shutil.copytree(built.flash / "data", data)
                shutil.copy(built.flash / POINTER, data.with_name(POINTER.name))
                kept = built.device.rtc_memory, 0

        try:
            built.device.run(1000 * WITHIN_S, keep)
            assert kind.is_done(built), f"no wake with a {kind.name}"
            return kept
        finally:
            built.close()


def _wakes_in(modem: Dialect, kind: Kind, before: Before, heap_kw: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        built = stage.build(Path(folder), stage.Scenario(modem, 1, 1, card=kind.card), heap_kw=heap_kw)
        try:
            shutil.rmtree(built.flash / "data")
            shutil.copytree(before.data, built.flash / "data")
            shutil.copy(before.data.with_name(POINTER.name), built.flash / POINTER)
            add_chip(built.flash)
            if OTHER in os.environ:  # frozen into that MicroPython
                for name in ("lockstep", "machine", "esp32"):
                    (built.flash / f"{name}.mpy").unlink()
            boot = built.flash / "boot.py"
            boot.write_text(f"{BEFORE_BOOT}{boot.read_text()}{AT_BOOT}")
            acknowledged = firmware.numbers(built.flash).acks.count(0, 1 << 32)
            firmware.fill(built.flash, BACKLOG)
            _offer(built, before.release)
            image, after = built.flash / "flash.bin", Path(folder, "after")
            image.write_bytes(littlefs(built.flash, FLASH_BYTES))
            (built.flash / ENTRY).write_text(START)
            built.device.resume(before.rtc_memory, before.at_s)
            built.device.run(0, lambda now_ms: None)
            unpack(image.read_bytes(), after)
            acknowledged = firmware.numbers(after).acks.count(0, 1 << 32) - acknowledged
            return acknowledged > BACKLOG and kind.is_done(built) and (after / "slots/b").exists()
        finally:
            built.close()


def _build_release(folder: Path, modem: Dialect) -> Path:
    """The same firmware under the next number: its list and a file are pulled."""
    sources = folder / "firmware"
    shutil.copytree(FIRMWARE, sources, ignore=shutil.ignore_patterns("__pycache__"))
    number = constants()["SEQUENCE"]
    file = sources / "locator" / "__init__.py"
    file.write_text(file.read_text().replace(f"SEQUENCE = {number}", f"SEQUENCE = {number + 1}"))
    release.build(folder / "release", "SIM", sources, modem)
    return folder / "release"


def _offer(built: stage.Stage, made: Path) -> None:
    do, number = built.services.agent.do, str(constants()["SEQUENCE"] + 1)
    do("updates", "add", str(made))
    do("updates", "roll-out", number, "--board", "SIM", "--canaries", "1", "--days", "0")


def measure(modem: Dialect, console: Console) -> dict[str, Any]:
    """The heap that each folder occupies and each kind of wake needs, with one modem."""
    least_kw = {}
    with tempfile.TemporaryDirectory() as folder:
        release = _build_release(Path(folder), modem)
        for kind in KINDS:
            data = Path(folder, kind.name, "data")
            before = Before(data, *wakes_before(modem, kind, data), release)
            least_kw[kind.name] = least_heap_kw(modem, kind, before, console)
    return {"resident": resident(modem, application()), "wake_kw": least_kw}


def table(found: dict[str, Any], bits: int) -> Table:
    """Rooms and modems."""
    result = Table(title=f"Heap of the device, bytes in words of {bits} bits")
    result.add_column("")
    for modem in MODEMS:
        result.add_column(modem, justify="right")
    kept = [found[modem]["resident"] for modem in MODEMS]
    for room in (*ROOMS, SWITCH):
        result.add_row(room, *(f"{each[room]:,}" for each in kept))
    result.add_row("all of these", *(f"{sum(each.values()) - each[NAMES]:,}" for each in kept))
    result.add_row("of which names", *(f"{each[NAMES]:,}" for each in kept))
    result.add_section()
    for kind in KINDS:
        least_kw = [found[modem]["wake_kw"][kind.name] for modem in MODEMS]
        result.add_row(f"whole wake, {kind.name}", *(f"{each}wK" for each in least_kw))
    result.add_row("budget", *(f"{HEAP_KW}wK" for _ in MODEMS))
    return result


@one_line(ServiceError, LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.world.device.heap", description=__doc__)
    parser.add_argument("--micropython", type=Path, help="one with words of 32 bits")
    arguments = parser.parse_args()
    bits, name = 64, "heap"
    if arguments.micropython:
        os.environ |= {OTHER: str(arguments.micropython.resolve()), "MICROPYPATH": ".frozen"}
        bits, name = 32, "heap32"
    console = Console()
    # That the device fails in a heap that is too small is what is looked for.
    logging.disable(logging.ERROR)
    try:
        found: dict[str, Any] = {modem: measure(modem, console) for modem in MODEMS}
    finally:
        logging.disable(logging.NOTSET)
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps({"budget_kw": HEAP_KW, **found}, indent=2) + "\n")
    console.print(table(found, bits))
    over = [modem for modem in MODEMS if max(found[modem]["wake_kw"].values()) > HEAP_KW]
    for modem in over:
        print(f"fell short: a whole wake with the {modem} needs more than {HEAP_KW}wK", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
