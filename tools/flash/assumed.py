"""The figures of `make bench-chip`, with the values and ranges that the simulated world assumes.

The values are those of tools/world/device/cpu.py and meter.py. What is charged nowhere there comes from a
stock image on an emulated ESP32, whose instructions were counted at 8 ns: a chip takes 1.25 to 1.6 times as
long.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from tools.world.device import cpu
from tools.world.device.meter import ESP32_W, NOMINAL_V, SLEEP_FLOOR_W

FASTEST, LIKELY, SLOWEST = 1.25, 1.43, 1.6
CPU, METER = "tools/world/device/cpu.py", "tools/world/device/meter.py"
NOWHERE = "charged nowhere, say it in docs/reference/limits.md"
BUDGETS = "docs/reference/budgets.md"
AMPERE = {
    "active": (0.027, 0.050),
    "active-80": (0.020, 0.035),
    "wait": (0.015, 0.031),
    "light": (0.0006, 0.002),
}
"""Range of a whole board by state: from the least of the chip's data sheet to a bit above its most."""
FLOOR_A = (10e-6, 120e-6)
"""In deep sleep: a good board; a plain regulator and a divider."""
LEAST_STACK = 4096
LEAST_HEAP = 140 * 1024
"""Bytes that the largest wake needs by `make heap32`."""
SCALES = {"s": (1, "s"), "ms": (1e3, "ms"), "us": (1e6, "us"), "": (1, ""), "B": (1, "B")}


@dataclass(frozen=True)
class Figure:
    """A figure, its values in seconds, bytes, counts, or watts where it has a `state`."""

    name: str
    words: str
    unit: str
    least: float | None
    value: float | None
    most: float
    where: str
    state: str | None = None

    def show(self, value: float) -> str:
        """With its unit; power as the current at the nominal voltage, too."""
        if self.state is not None:
            return f"{1e3 * value:.3g} mW ({_ampere(value / NOMINAL_V)})"
        scale, unit = SCALES[self.unit]
        digits = ".3g" if scale * value < 100 and scale > 1 else ",.0f"
        return f"{scale * value:{digits}} {unit}".strip()

    @property
    def shown(self) -> tuple[str, str]:
        """The assumed value and its range."""
        if self.value is None or self.least is None:
            return "", ""
        most = "" if self.most == inf else f" to {self.show(self.most)}"
        return self.show(self.value), f"{self.show(self.least)}{most or ' and more'}"

    def differs(self, value: float | None) -> bool:
        """By more than its range."""
        return value is not None and self.least is not None and not self.least <= value <= self.most


def values(said: Mapping[str, str]) -> dict[str, float]:
    """The figures in what the board has said: `name|value`, times in microseconds."""
    found: dict[str, float] = {}
    for name, value in said.items():
        if name.endswith("_us"):
            found[name.removesuffix("_us")] = int(value) / 1e6
        elif value.isdigit() and name != "battery_mv":
            found[name] = int(value)
    if "keys" in found:
        found["envelope"] = found.pop("keys") + found.pop("seal_1024")
    return found


def figures(modem: str) -> list[Figure]:
    """All of them for a board with that modem, in the order of the report."""
    rom, start, imports = (_term(name) for name in ("ROM", "start", "imports"))
    reads, erases, writes = (_term(name) for name in ("reads", "erases", "writes"))
    both = rom[0] + start[0], rom[1] + start[1], rom[2] + start[2]
    envelope = _chip(20.4e-3, cpu.ENVELOPE_US / 1e6)
    count = (0, cpu.READS, cpu.READS_POWER_ON)
    terms = f"{CPU}: terms()"
    return [
        Figure("reset", "reset to main.py, by this computer's clock", "ms", *both, terms),
        Figure("main", "MicroPython's start to main.py", "ms", *start, terms),
        Figure("import", "importing what main.py does", "ms", *imports, terms),
        Figure("later", "importing driver, plan and session", "ms", None, None, inf, NOWHERE),
        Figure("envelope", "keys and envelope of 1 KB", "ms", *envelope, f"{CPU}: ENVELOPE_US"),
        Figure("seal_200", "envelope of 200 B", "ms", *_chip(5.1e-3), NOWHERE),
        Figure("collect", "a garbage collection", "ms", *_chip(1.9e-3), NOWHERE),
        Figure("reads", "reads of flash until the journal is open", "", *count, f"{CPU}: READS"),
        Figure("read", "a read of flash", "us", *_one(reads, cpu.READS), terms),
        Figure("erase", "an erase of 4 KB", "ms", *_one(erases, cpu.ERASES), terms),
        Figure("write_kb", "a write of 1 KB", "ms", *_one(writes, cpu.WRITTEN_KB), terms),
        Figure("heap", "heap, with what it can still get", "B", LEAST_HEAP, 165_000, inf, BUDGETS),
        Figure("heap_used", "heap of a wake's modules", "B", None, None, inf, NOWHERE),
        Figure("block", "the largest block it can still get", "B", None, None, inf, NOWHERE),
        Figure("stack_left", "C stack never used yet", "B", LEAST_STACK, 8_304, inf, NOWHERE),
        *(_draw(name, words, modem) for name, words in STATES.items()),
    ]


STATES = {
    "active": "computing at 160 MHz",
    "active-80": "computing at 80 MHz",
    "wait": "waiting at 80 MHz",
    "light": "light sleep",
    "sleep": "deep sleep",
}


def _term(begin: str) -> tuple[float, float, float]:
    """Least, value and most of a term of the wake, in seconds."""
    term = next(each for each in cpu.terms() if each.name.startswith(begin))
    return term.least_ms / 1e3, term.ms / 1e3, term.most_ms / 1e3


def _one(all_of_them: tuple[float, float, float], count: float) -> tuple[float, float, float]:
    least, value, most = all_of_them
    return least / count, value / count, most / count


def _chip(counted_s: float, value_s: float = 0) -> tuple[float, float, float]:
    return FASTEST * counted_s, value_s or LIKELY * counted_s, SLOWEST * counted_s


def _draw(state: str, words: str, modem: str) -> Figure:
    watts = SLEEP_FLOOR_W[modem] if state == "sleep" else ESP32_W[state]
    table = f'SLEEP_FLOOR_W["{modem}"]' if state == "sleep" else f'ESP32_W["{state}"]'
    least, most = (NOMINAL_V * each for each in AMPERE.get(state, FLOOR_A))
    return Figure(state, words, "", least, watts, most, f"{METER}: {table}", state)


def _ampere(amperes: float) -> str:
    return f"{1e6 * amperes:.3g} uA" if amperes < 1e-3 else f"{1e3 * amperes:.3g} mA"
