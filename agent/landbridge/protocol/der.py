"""Objects in DER as eUICCs and SM-DP+ servers send them: tag, length, value.

What was received is cut and joined, never encoded again: a signature covers its bytes.
"""

from collections.abc import Iterator
from typing import NamedTuple

_MOST_LENGTH_BYTES = 3
_MOST_TAG_BYTES = 3


class DerError(ValueError):
    """Bytes that are not the objects expected; the text says why."""


class Tlv(NamedTuple):
    """One object."""

    tag: int
    """All its bytes as one number: 0x30, 0x5F37, 0xBF38."""
    value: bytes
    whole: bytes
    """With tag and length, as received."""


def objects(data: bytes) -> Iterator[Tlv]:
    """The objects that lie one after the other in `data`; `DerError` unless they fill it."""
    at = 0
    while at < len(data):
        tag, start = _tag(data, at)
        length, start = _length(data, start)
        if start + length > len(data):
            raise DerError(f"object {tag:X} is cut off")
        yield Tlv(tag, data[start : start + length], data[at : start + length])
        at = start + length


def single(data: bytes) -> Tlv:
    """The one object that `data` consists of."""
    found = list(objects(data))
    if len(found) != 1:
        raise DerError(f"{len(found)} objects instead of one")
    return found[0]


def only(data: bytes, tag: int) -> bytes:
    """The value of the one object with this tag that `data` consists of."""
    found = single(data)
    if found.tag != tag:
        raise DerError(f"an object {found.tag:X} instead of {tag:X}")
    return found.value


def find(data: bytes, tag: int) -> Tlv | None:
    """The first object with this tag in `data`; None if there is none."""
    return next((each for each in objects(data) if each.tag == tag), None)


def value(data: bytes, *path: int) -> bytes:
    """The value of the object to which `path` leads, a tag a level; `DerError` if there is none."""
    for tag in path:
        found = find(data, tag)
        if found is None:
            raise DerError(f"no object {tag:X}")
        data = found.value
    return data


def make(tag: int, *values: bytes) -> bytes:
    """An object of these values."""
    content = b"".join(values)
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big") + _length_bytes(len(content)) + content


def number(value: bytes) -> int:
    """The content of an INTEGER."""
    if not 0 < len(value) <= 8:
        raise DerError("not an integer of 1 to 8 bytes")
    return int.from_bytes(value, "big", signed=True)


def integer(value: int) -> bytes:
    """The content of an INTEGER that is not negative."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _tag(data: bytes, at: int) -> tuple[int, int]:
    end = at + 1
    if data[at] & 0x1F == 0x1F:
        while end < len(data) and data[end] & 0x80:
            end += 1
        end += 1
    if end > len(data) or end - at > _MOST_TAG_BYTES:
        raise DerError("a tag is cut off or too long")
    return int.from_bytes(data[at:end], "big"), end


def _length(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise DerError("a length is missing")
    first, size = data[at], data[at] & 0x7F
    if first < 0x80:
        return first, at + 1
    if not 0 < size <= _MOST_LENGTH_BYTES or at + 1 + size > len(data):
        raise DerError("a length is cut off or too long")
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size


def _length_bytes(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    size = (length.bit_length() + 7) // 8
    return bytes([0x80 | size]) + length.to_bytes(size, "big")
