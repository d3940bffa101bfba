"""Tabled CPU times of the device and what they cost: work is never measured on the host's clock.

Model values for an ESP32 at 160 MHz with modules as `.mpy`; a bench measurement replaces them,
here and nowhere else.
"""

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
