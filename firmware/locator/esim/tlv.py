"""BER-TLV (ISO/IEC 8825-1) as cards use it: a writer, and a reader that tolerates any input.

Tags have one byte or two, lengths up to three. Malformed objects are ignored.
"""

from micropython import const

_TWO_BYTES = const(0x1F)


def make(tag, value):
    """Return one object as bytes; `value` has at most 255 bytes."""
    head = bytes([tag >> 8, tag & 0xFF]) if tag > 0xFF else bytes([tag])
    length = len(value)
    return head + (bytes([length]) if length < 0x80 else bytes([0x81, length])) + value


def objects(data):
    """Return the consecutive (tag, value) pairs in `data` (bytes), up to the first malformed one."""
    return [(tag, data[at:end]) for tag, _, at, end in placed(data)]


def wholes(data):
    """Return the same as whole objects: (tag, object)."""
    return [(tag, data[start:end]) for tag, start, _, end in placed(data)]


def placed(data):
    """Return the same as positions: (tag, start of the object, start of its value, end of both) of each."""
    found: list = []
    end = 0
    while end < len(data):
        start, tag = end, data[end]
        at = start + 1
        if tag & _TWO_BYTES == _TWO_BYTES:
            if at >= len(data) or data[at] & 0x80:
                break
            tag = tag << 8 | data[at]
            at += 1
        length, at = _length(data, at)
        if length < 0 or at + length > len(data):
            break
        end = at + length
        found.append((tag, start, at, end))
    return found


def find(data, *path):
    """Return the value at the end of a path of tags, or None."""
    for tag in path:
        for each, value in objects(data):
            if each == tag:
                data = value
                break
        else:
            return None
    return data


def number(data):
    """Return the integer in a value, -1 for None or an empty one."""
    return int.from_bytes(data, "big") if data else -1


def _length(data, at):
    """Return (length, start of the value); length -1 if there is none."""
    if at >= len(data):
        return -1, at
    first = data[at]
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if not 1 <= size <= 3 or at + size >= len(data):
        return -1, at
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
