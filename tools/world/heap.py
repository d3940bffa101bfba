"""Memory of the device: what each room keeps of the heap, and the least heap in which a whole wake runs.

`python -m tools.world.heap` prints both for each modem, writes them to out/heap.json and exits with
1 when a wake needs more than the budget. The whole wake is the largest there is: power-on, attach,
fix, record and a conversation of several full turns. Heaps are in kilo-words (`80wK`): what 80 KiB
are on the ESP32, whose words have 32 bits, however wide the words of this machine are.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.table import Table

from tools.flash.layout import FIRMWARE, REPOSITORY, LayoutError, lay_out, modules
from tools.world import firmware, stage
from tools.world.process import HEAP_KW, interpreter
from tools.world.services import ServiceError
from tools.world.trip import ModemClass

MODEMS: tuple[ModemClass, ...] = get_args(ModemClass)
ROOMS = ("port", "journal", "modem", "plan", "link", "wake")
"""In an order in which each finds what it imports in the ones before."""
PROBE = REPOSITORY / "tools" / "mpy_heap.py"
BACKLOG = 200
"""Records that wait when the wake begins: four turns, three of them full."""
LEAST_KW = 8
OUT = Path("out/heap.json")


def resident(modem: ModemClass) -> dict[str, int]:
    """Bytes that each room keeps once it is imported, by room; words of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder), "SIM")
        groups = [f"{room}={module}" for room in ROOMS for module in _modules(room, modem)]
        command = [*interpreter(), str(PROBE), *groups]
        environment = {"MICROPYPATH": str(Path(folder, "slot_a"))}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    kept = dict.fromkeys(ROOMS, 0)
    for room, size in (line.split() for line in run.stdout.splitlines()):
        kept[room] += int(size)
    return kept


def _modules(room: str, modem: ModemClass) -> Iterator[str]:
    """Dotted names of the modules of a room; a device has one modem."""
    for path in modules(FIRMWARE / "locator"):
        parts = path.relative_to(FIRMWARE).with_suffix("").parts
        mine = parts[1] if len(parts) > 2 else "wake"
        if mine == room and parts[-1] not in set(MODEMS) - {modem}:
            yield ".".join(part for part in parts if part != "__init__")


def least_heap_kw(modem: ModemClass, console: Console) -> int:
    """The smallest heap, in kilo-words, in which the whole wake ends with all records acknowledged."""
    low, high = LEAST_KW, HEAP_KW + 1
    while high - low > 1:
        middle = (low + high) // 2
        with console.status(f"{modem}: one wake in {middle}wK"):
            enough = _wakes_in(modem, middle)
        low, high = (low, middle) if enough else (middle, high)
    return high


def _wakes_in(modem: ModemClass, heap_kw: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        built = stage.build(Path(folder), modem, 1, 1, 0, None, heap_kw)
        try:
            firmware.fill(built.flash, BACKLOG)
            built.device.run(0, lambda now_ms: None)
            told = int(firmware.ledger(built.flash).acks.count(0, 1 << 32))
        finally:
            built.close()
    return bool(told > BACKLOG)


def table(found: dict[str, Any]) -> Table:
    """Rooms and modems."""
    words = "64" if sys.maxsize > 1 << 32 else "32"
    result = Table(title=f"Heap of the device, bytes in words of {words} bits")
    result.add_column("resident")
    for modem in MODEMS:
        result.add_column(modem, justify="right")
    for room in ROOMS:
        result.add_row(room, *(f"{found[modem]['resident'][room]:,}" for modem in MODEMS))
    result.add_section()
    result.add_row("all rooms", *(f"{sum(found[modem]['resident'].values()):,}" for modem in MODEMS))
    result.add_row("peak of a whole wake", *(f"{found[modem]['peak_kw']}wK" for modem in MODEMS))
    result.add_row("budget", *(f"{HEAP_KW}wK" for _ in MODEMS))
    return result


def main() -> int:
    """The command line."""
    console = Console()
    # That the device fails in a heap that is too small is what is looked for.
    logging.disable(logging.ERROR)
    try:
        found: dict[str, Any] = {
            modem: {"resident": resident(modem), "peak_kw": least_heap_kw(modem, console)} for modem in MODEMS
        }
    except (ServiceError, LayoutError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"budget_kw": HEAP_KW, **found}, indent=2) + "\n")
    console.print(table(found))
    over = [modem for modem in MODEMS if found[modem]["peak_kw"] > HEAP_KW]
    for modem in over:
        print(f"fell short: a whole wake with the {modem} needs more than {HEAP_KW}wK", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
