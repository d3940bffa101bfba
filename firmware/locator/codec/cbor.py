"""CBOR (RFC 8949) as far as the protocol uses it: a writer into a buffer and a strict, bounded reader.

Definite lengths, shortest heads, no tags, no floats; at most four levels deep.
"""

from micropython import const

UINT = const(0)
NINT = const(1)
BYTES = const(2)
TEXT = const(3)
ARRAY = const(4)
MAP = const(5)

_MAX_DEPTH = const(4)
_MAX_ITEMS = const(256)


class CborError(Exception):
    """The bytes are no CBOR that the protocol allows; `args[0]` says what is wrong."""


class Full(Exception):
    """The buffer of a `Writer` has no room for the next item."""


class Writer:
    """Writes CBOR items one after the other into a `bytearray` of the caller; raises `Full`."""

    def __init__(self, buf):
        self.buf = buf
        self.n = 0

    def head(self, major, value):
        """Write the head of an item: its major type and its value or length (shortest form)."""
        buf = self.buf
        n = self.n
        size = 1 if value < 0x100 else 2 if value < 0x10000 else 4 if value >> 32 == 0 else 8
        if value < 24:
            size = 0
        if n + 1 + size > len(buf):
            raise Full
        buf[n] = major << 5 | (value if size == 0 else 23 + size if size < 4 else 25 + size // 4)
        for i in range(size):
            buf[n + 1 + i] = (value >> (8 * (size - 1 - i))) & 0xFF
        self.n = n + 1 + size

    def int(self, value):
        """Write a signed integer of at most 64 bits."""
        if value >= 0:
            self.head(UINT, value)
        else:
            self.head(NINT, -1 - value)

    def bytes(self, data):
        """Write a byte string."""
        self._string(BYTES, data)

    def text(self, text):
        """Write a text string."""
        self._string(TEXT, text.encode())

    def item(self, value):
        """Write an integer, a byte string, a text, or a list of these; or a dict with integer keys."""
        if type(value) is int:
            self.int(value)
        elif type(value) is bytes:
            self.bytes(value)
        elif type(value) is str:
            self.text(value)
        elif type(value) is dict:
            self.head(MAP, len(value))
            for key in sorted(value):
                self.pair(key, value[key])
        else:
            self.head(ARRAY, len(value))
            for each in value:
                self.item(each)

    def pair(self, key, value):
        """Write a pair of a map, its value as `item`; returns how many pairs that are."""
        self.int(key)
        self.item(value)
        return 1

    def raw(self, data):
        """Append bytes that already are CBOR."""
        if self.n + len(data) > len(self.buf):
            raise Full
        self.buf[self.n : self.n + len(data)] = data
        self.n += len(data)

    def _string(self, major, data):
        self.head(major, len(data))
        self.raw(data)


def int_size(value):
    """Number of bytes that `Writer.int` uses for `value`."""
    if value < 0:
        value = -1 - value
    return 1 if value < 24 else 2 if value < 0x100 else 3 if value < 0x10000 else 5


def dumps(value, most):
    """The item (as `Writer.item`) as bytes, at most so many. Raises `Full`."""
    out = Writer(bytearray(most))
    out.item(value)
    return bytes(memoryview(out.buf)[: out.n])


def is_list(value, *kinds):
    """Whether it is a list of values of just these types."""
    return type(value) is list and list(map(type, value)) == list(kinds)


def loads(data):
    """Read exactly one item from `data` (bytes or memoryview).

    Maps become dicts with integer keys, arrays lists, byte strings bytes. Raises `CborError` on
    anything else: tags, floats, indefinite or non-shortest forms, other keys, duplicate keys,
    lengths beyond the end, more than four levels, bytes left over.
    """
    reader = _Reader(data)
    item = reader.item(0)
    if reader.pos != len(data):
        raise CborError("bytes left over")
    return item


def first(data):
    """(item, its length in bytes) of the item that `data` begins with; raises `CborError` like `loads`."""
    reader = _Reader(data)
    return reader.item(0), reader.pos


def span(data, at):
    """(start, end) of what the byte string that begins at `data[at]` holds; raises `CborError`."""
    reader = _Reader(data)
    reader.pos = at
    head = reader._byte()
    if head >> 5 != BYTES:
        raise CborError("not a byte string")
    end = reader._value(head & 31) + reader.pos
    if end > len(data):
        raise CborError("truncated")
    return reader.pos, end


class _Reader:
    def __init__(self, data):
        self.data = data
        self.pos = 0

    def item(self, depth):
        first = self._byte()
        major = first >> 5
        if major > MAP:
            return self._simple(first)
        value = self._value(first & 31)
        if major == UINT:
            return value
        if major == NINT:
            return -1 - value
        if major <= TEXT:
            return self._string(major, value)
        if depth >= _MAX_DEPTH or value > _MAX_ITEMS:
            raise CborError("too deep or too long")
        return self._array(value, depth) if major == ARRAY else self._map(value, depth)

    def _byte(self):
        if self.pos >= len(self.data):
            raise CborError("truncated")
        byte = self.data[self.pos]
        self.pos += 1
        return byte

    def _value(self, info):
        if info < 24:
            return info
        if info > 27:
            raise CborError("indefinite or reserved length")
        size = 1 << (info - 24)
        value = 0
        for _ in range(size):
            value = value << 8 | self._byte()
        if value < 24 or (size > 1 and value >> (4 * size) == 0):
            raise CborError("not the shortest form")
        return value

    def _simple(self, first):
        if first == 0xF4:
            return False
        if first == 0xF5:
            return True
        if first == 0xF6:
            return None
        raise CborError("tag, float or unknown simple value")

    def _string(self, major, length):
        end = self.pos + length
        if end > len(self.data):
            raise CborError("truncated")
        data = bytes(self.data[self.pos : end])
        self.pos = end
        if major == BYTES:
            return data
        try:
            return data.decode()
        except ValueError:  # UnicodeError is one
            raise CborError("not UTF-8")

    def _array(self, length, depth):
        return [self.item(depth + 1) for _ in range(length)]

    def _map(self, length, depth):
        out = {}
        for _ in range(length):
            key = self.item(_MAX_DEPTH)
            if type(key) is not int or key in out:
                raise CborError("key not an integer or twice")
            out[key] = self.item(depth + 1)
        return out
