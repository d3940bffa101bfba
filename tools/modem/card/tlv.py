"""BER-TLV as cards speak it (ISO/IEC 8825-1): tags of up to two bytes, lengths of up to three."""

from __future__ import annotations

TWO_BYTES = 0x1F


def encode(tag: int, *parts: bytes) -> bytes:
    """One object; `parts` make up its value."""
    value = b"".join(parts)
    return head(tag, len(value)) + value


def head(tag: int, length: int) -> bytes:
    """Tag and length, without the value."""
    first = bytes([tag >> 8, tag & 0xFF] if tag > 0xFF else [tag])
    if length < 0x80:
        return first + bytes([length])
    size = (length.bit_length() + 7) // 8
    return first + bytes([0x80 | size]) + length.to_bytes(size)


def integer(value: int) -> bytes:
    """The value of an INTEGER that is not negative."""
    return value.to_bytes(value.bit_length() // 8 + 1)


def opening(data: bytes) -> tuple[int, int, bytes]:
    """Tag and length at the beginning of `data`, and what follows, however much. Raises ValueError."""
    if not data:
        raise ValueError("no tag")
    tag, at = _tag(data, 0)
    length, at = _length(data, at)
    return tag, length, data[at:]


def decode(data: bytes) -> list[tuple[int, bytes]]:
    """The objects that follow each other in `data`. Raises ValueError when it does not end with one."""
    found, at = [], 0
    while at < len(data):
        tag, at = _tag(data, at)
        length, at = _length(data, at)
        if at + length > len(data):
            raise ValueError("value cut short")
        found.append((tag, data[at : at + length]))
        at += length
    return found


def find(data: bytes, *path: int) -> bytes | None:
    """The value at the end of a path of tags, None where there is none. Raises ValueError as `decode`."""
    value: bytes | None = data
    for tag in path:
        if value is None:
            return None
        value = dict(decode(value)).get(tag)
    return value


def fields(value: bytes, *tags: int) -> list[bytes]:
    """The values of these objects, of which `value` consists, in this order. Raises ValueError."""
    objects = decode(value)
    if [tag for tag, _ in objects] != list(tags):
        raise ValueError("other objects")
    return [each for _, each in objects]


def _tag(data: bytes, at: int) -> tuple[int, int]:
    if data[at] & TWO_BYTES != TWO_BYTES:
        return data[at], at + 1
    if at + 1 >= len(data) or data[at + 1] & 0x80:
        raise ValueError("tag")
    return data[at] << 8 | data[at + 1], at + 2


def _length(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise ValueError("no length")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if not 1 <= size <= 3 or at + 1 + size > len(data):
        raise ValueError("length")
    return int.from_bytes(data[at + 1 : at + 1 + size]), at + 1 + size
