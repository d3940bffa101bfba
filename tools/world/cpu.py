"""Tabled CPU times of the device and what they cost: work is never measured on the host's clock.

Model values for an ESP32 at 160 MHz with modules as `.mpy`; a bench measurement replaces them,
here and nowhere else.
"""

from __future__ import annotations

from typing import NamedTuple

READS, READS_POWER_ON = 1_500, 4_000
"""Reads of flash in an ordinary wake and after a power-on, journal and configuration included: the most that
`make reads` allows."""
ERASES, WRITTEN_KB = 2, 4.5
"""Of an ordinary wake: the most that `make reads` allows."""


class Term(NamedTuple):
    """Milliseconds of a wake at 160 MHz: the least, what is charged, the most. `computes`: half the clock
    makes it twice as long; waiting for flash or ROM does not."""

    name: str
    least_ms: float
    ms: float
    most_ms: float
    computes: bool

    def ms_at(self, mhz: int) -> float:
        """What is charged at another clock."""
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


BOOT_MS = 1_500
"""Reset to the first line of the application: 1.5 to 2 s with imports."""

AT_LINE_US = 600
"""Reading or writing one AT line: UART interrupt, split, compare."""

DECISION_US = 4_000
RECORD_US = 12_000
"""Packing one record, its CRC and the write to flash."""
ENVELOPE_US = 45_000
"""Columns, CBOR and AES-CCM of one envelope of about 1 KB."""
FLASH_KB_US = 2_500
"""Reading one kilobyte of flash through the file system."""

COSTS_US = (DECISION_US, RECORD_US, ENVELOPE_US, FLASH_KB_US)
"""In the order in which the device is told them."""
