"""Slots of the application for tests, packed as docs/explanation/updates.md says."""

import hashlib
import struct

from start import image


def digest(data):
    return hashlib.sha256(data).digest()


def ordered(files):
    return sorted(files, key=lambda file: image.number(file[0]))


def listed(files):
    """The list of `files`, (path, contents) each."""
    items = [(image.number(name), len(data), digest(data)) for name, data in ordered(files)]
    return b"".join(struct.pack(image.ITEM, *item) for item in items)


def slot(files, sequence=1, end=image.END):
    """All of a slot."""
    data = listed(files)
    head = struct.pack(image.HEAD, image.MAGIC, sequence, len(data), digest(data))
    return head + data + b"".join(content for _, content in ordered(files)) + end


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)
