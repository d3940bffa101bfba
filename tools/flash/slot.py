"""Packs a slot of the application on the host, as firmware/start/image.py reads it."""

import hashlib
import struct
from collections.abc import Mapping

from landbridge.features.updates.coding import file_list, in_order

_HEAD = struct.Struct("<4sII32s")
_MAGIC = b"LB1\0"
_END = b"\x01"


def pack(sequence: int, files: Mapping[str, bytes]) -> bytes:
    """A complete slot with the release `sequence`; `files` by their path in it. `ValueError` when two paths
    have one number: rename a file."""
    ordered = in_order(files)
    listed = file_list(ordered)
    head = _HEAD.pack(_MAGIC, sequence, len(listed), hashlib.sha256(listed).digest())
    return head + listed + b"".join(content for _, content in ordered) + _END
