"""CPU times of the device from a table: work is never measured by the host's clock.

Sources: [E] instructions counted on an emulated ESP32 with a stock MicroPython at 8 ns each; a real chip
at 160 MHz takes 1.25 to 1.6 times as long. [K] memory. `python -m tools.world.device.cpu` prints the table. A
bench measurement replaces the terms, here and nowhere else.
"""

from __future__ import annotations

from typing import NamedTuple

from tools.world.device.meter import ESP32_W

READS, READS_POWER_ON = 1_500, 4_000
"""Reads of flash in an ordinary wake and after a power-on, journal and configuration included: the most that
`make reads` allows."""
ERASES, WRITTEN_KB = 2, 4.5
"""Flash use of an ordinary wake: the most that `make reads` allows."""


class Term(NamedTuple):
    """Milliseconds of a wake at 160 MHz: the least, what is charged, the most. `computes`: half the clock
    makes it twice as long; waiting for flash or ROM does not."""

    name: str
    least_ms: float
    ms: float
    most_ms: float
    computes: bool

    def ms_at(self, mhz: int) -> float:
        """Return its milliseconds at another clock rate."""
        return self.ms * 160 / mhz if self.computes else self.ms


def terms(reads: int = READS) -> tuple[Term, ...]:
    """What every wake takes before anything is done, with so many reads of flash."""
    return (
        Term("ROM and bootloader [K]", 200, 250, 300, False),
        Term("start to main.py [E]", 262, 300, 336, True),
        Term("imports [E]", 338, 386, 432, True),
        Term("reads, 30 to 60 us each [K]", 0.030 * reads, 0.045 * reads, 0.060 * reads, False),
        Term("erases, 4 KB each [K]", 30 * ERASES, 45 * ERASES, 100 * ERASES, False),
        Term("writes, 256 B each [K]", 2 * WRITTEN_KB, 3 * WRITTEN_KB, 12 * WRITTEN_KB, False),
    )


def wake_us(power_on: bool = False) -> int:
    """The sum of the terms at the clock of a start, 160 MHz."""
    return round(1_000 * sum(each.ms for each in terms(READS_POWER_ON if power_on else READS)))


FIXED_US = 1_100_000
"""A wake and all its work where the table is not asked: files that are split or renamed change nothing."""

AT_LINE_US = 600
"""Reading or writing one AT line: UART interrupt, split, compare."""

DECISION_US = 4_000
RECORD_US = 3_000
"""Packing one record, and its CRC; flash is a term of the wake."""
ENVELOPE = Term("each envelope of 1 KB [E]", 25.5, 29.2, 32.6, True)
"""Columns, CBOR, keys and AES-CCM."""
ENVELOPE_US = round(1_000 * ENVELOPE.ms)

COSTS_US = (DECISION_US, RECORD_US, ENVELOPE_US)
"""In the order in which the device gets them."""


def table() -> list[str]:
    """The terms and their sum in rows of Markdown: ms with range, and joules of an ordinary wake."""
    rows = ["| term | ms at 160 MHz | least | most | ms at 80 MHz |", "|---|---|---|---|---|"]
    for each in (*terms(), ENVELOPE):
        times_ms = each.ms, each.least_ms, each.most_ms, each.ms_at(80)
        rows.append(" | ".join((f"| {each.name}", *(f"{ms:.0f}" for ms in times_ms))) + " |")
    ms, slow_ms = sum(each.ms for each in terms()), sum(each.ms_at(80) for each in terms())
    least, most = sum(each.least_ms for each in terms()), sum(each.most_ms for each in terms())
    rows.append(f"| sum, without envelopes | {ms:.0f} | {least:.0f} | {most:.0f} | {slow_ms:.0f} |")
    watts, slow_w = ESP32_W["active"], ESP32_W["active-80"]
    joules = (f"{each * watts / 1_000:.2f} J" for each in (ms, least, most))
    rows.append("| energy | " + " | ".join((*joules, f"{slow_ms * slow_w / 1_000:.2f} J")) + " |")
    return rows


if __name__ == "__main__":
    print("\n".join(table()))
