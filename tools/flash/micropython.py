"""The user's image of MicroPython for the ESP32: its kind, and where its flash has room for files."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esp_idf_defs import PartitionTable

from tools.flash import LayoutError

OFFSET = 0x1000
"""Where in flash the plain ESP32's image begins: bootloader, then table, then application."""
TABLE, TABLE_BYTES = 0x8000, 0xC00
OTA_FILES = (0x310000, 0xF0000)
"""Offset and bytes of the file system of ESP32_GENERIC-OTA, the smaller one of both images."""
BLOCK = 4096
OLDEST = (1, 27)
IMAGE_MAGIC, ESP32 = 0xE9, 0
BANNER = re.compile(rb"v?(\d+)\.(\d+)\.(\d+)([-.\w]*) on \d{4}-\d\d-\d\d")
REMEDY = "take ESP32_GENERIC (with -OTA for updates of MicroPython itself) from micropython.org/download"


@dataclass(frozen=True)
class Micropython:
    """An image: its bytes, its version as text, where in flash the file system lies and how long it is, and
    where NVS begins and ends."""

    data: bytes
    version: str
    files_at: int
    files_bytes: int
    nvs: tuple[int, int]

    def parts(self) -> list[tuple[int, bytes]]:
        """What is to be flashed, by offset: an image has blank flash in the place of NVS, where identity and
        key lie."""
        begin, end = (at - OFFSET for at in self.nvs)
        return [(OFFSET, self.data[:begin]), (OFFSET + end, self.data[end:])]


def read(path: Path, flash_bytes: int) -> Micropython:
    """The image in `path`, for a flash of that size. Raises `LayoutError` with the remedy when it will not
    do."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LayoutError(f"{path}: {error.strerror}; {REMEDY}") from None
    if len(data) < TABLE or data[0] != IMAGE_MAGIC:
        raise LayoutError(f"{path}: not a flash image for an ESP32; {REMEDY}")
    if int.from_bytes(data[12:14], "little") != ESP32:
        raise LayoutError(f"{path}: an image for another chip than the plain ESP32; {REMEDY}")
    banner = BANNER.search(data)
    if not banner:
        raise LayoutError(f"{path}: not MicroPython; {REMEDY}")
    version = b"%s.%s.%s" % banner.groups()[:3]
    wrong = too_old((int(banner[1]), int(banner[2])), banner[4].decode())
    if wrong:
        raise LayoutError(f"{path}: MicroPython {(version + banner[4]).decode()} {wrong}; {REMEDY}")
    table = data[TABLE - OFFSET : TABLE - OFFSET + TABLE_BYTES]
    try:
        partitions = PartitionTable.from_binary(table)
    except RuntimeError as error:
        raise LayoutError(f"{path}: partition table: {error}; {REMEDY}") from None
    files_at, files_bytes = room_for_files(partitions, flash_bytes)
    if len(data) + OFFSET > files_at:
        raise LayoutError(f"{path}: reaches into the file system at {files_at:#x}")
    nvs = next(((each.offset, each.offset + each.size) for each in partitions if each.name == "nvs"), None)
    if nvs is None:
        raise LayoutError(f"{path}: partition table: no nvs; {REMEDY}")
    return Micropython(data, version.decode(), files_at, files_bytes, nvs)


def too_old(version: tuple[int, int], suffix: str) -> str:
    """Why the firmware is not to run on it, empty: it may. A preview of the oldest may have the fault."""
    if version > OLDEST or (version == OLDEST and "preview" not in suffix):
        return ""
    least = ".".join(map(str, OLDEST))
    return f"is older than {least}: 1.26, with ESP-IDF 5.4.2, has a sleep bug that loses wakes"


def room_for_files(table: Any, flash_bytes: int) -> tuple[int, int]:
    """(offset, bytes) of the file system: the partition vfs or, as MicroPython does without one, all flash
    after the last partition. Raises `LayoutError` when the table is none or the flash is too small."""
    try:
        table.verify()
        table.verify_size_fits(flash_bytes)
    except RuntimeError as error:
        raise LayoutError(f"partition table: {error}; does board.toml have the right flash size?") from None
    for entry in table:
        if entry.name == "vfs":
            return entry.offset, entry.size
    end = max(entry.offset + entry.size for entry in table)
    return end, flash_bytes - end
