"""A stand-in for MicroPython's image where none is at hand: headers, table, checksums, banner, but no code.

It is for trying out the tools (`make flash-sim`): what is flashed with it does not start.
"""

import hashlib
import struct
from functools import reduce
from operator import xor

from esp_idf_defs import PartitionTable

from tools.flash.micropython import ESP32, IMAGE_MAGIC, OFFSET, TABLE, TABLE_BYTES

GENERIC = """nvs,data,nvs,0x9000,0x6000
phy_init,data,phy,0xf000,0x1000
factory,app,factory,0x10000,0x1F0000
"""
OTA = """nvs,data,nvs,0x9000,0x4000
otadata,data,ota,0xd000,0x2000
phy_init,data,phy,0xf000,0x1000
ota_0,app,ota_0,0x10000,0x180000
ota_1,app,ota_1,0x190000,0x180000
"""
"""The tables of the two stock images."""
_APP = 0x10000
_LOAD = 0x3F400020
_CHECKSUM_SEED = 0xEF
_SIZE_AND_SPEED = 0x20  # 4 MB, 40 MHz


def make(partitions: str, version: str = "1.28.0") -> bytes:
    """An image with the table `partitions`, as it lies from 0x1000 on."""
    table = PartitionTable.from_csv(partitions).to_binary()
    banner = f"MicroPython v{version} on 2026-01-01; a stand-in without code".encode()
    data = _padded(_image(b"boot"), TABLE - OFFSET) + _padded(table, TABLE_BYTES)
    return _padded(data, _APP - OFFSET) + _image(banner)


def _padded(data: bytes, size: int) -> bytes:
    return data + b"\xff" * (size - len(data))


def _image(code: bytes) -> bytes:
    """One segment, as ESP-IDF's image format has it: headers, data, checksum, SHA-256."""
    code += bytes(-len(code) % 4)
    head = struct.pack("<BBBBI", IMAGE_MAGIC, 1, 0, _SIZE_AND_SPEED, _LOAD)
    head += struct.pack("<B3xHBHH4xB", 0xEE, ESP32, 0, 0, 0xFFFF, 1)
    data = head + struct.pack("<II", _LOAD, len(code)) + code
    data += bytes(-(len(data) + 1) % 16) + bytes([reduce(xor, code, _CHECKSUM_SEED)])
    return data + hashlib.sha256(data).digest()
