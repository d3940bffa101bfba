"""A server of map tiles, as operators have one, and files of tiles in the format PMTiles."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from host_tests.support.http_server import Request, Serving

MVT, PNG = 1, 2
RAIL = {"kind": "rail", "name": "Turksib"}
EXTENT = 4096


def png(red: int, green: int, blue: int, side: int = 256) -> bytes:
    """A picture of one colour."""
    rows = (b"\0" + bytes((red, green, blue)) * side) * side
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found, number = found + bytes((number & 127 | 128,)), number >> 7
    return found + bytes((number,))


def _field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def vector_tile(layer: str, properties: dict[str, str]) -> bytes:
    """The tile of the whole world, with one layer: a line through Poland."""
    zigzag = [(each << 1) ^ (each >> 31) for each in (2100, 1330, 350, 50)]
    geometry = b"".join(map(_varint, (9, *zigzag[:2], 10, *zigzag[2:])))
    tags = b"".join(_varint(each) for i in range(len(properties)) for each in (i, i))
    feature = _field(1, 1) + _field(2, tags) + _field(3, 2) + _field(4, geometry)
    body = _field(15, 2) + _field(1, layer.encode()) + _field(2, feature)
    body += b"".join(_field(3, key.encode()) for key in properties)
    body += b"".join(_field(4, _field(1, value.encode())) for value in properties.values())
    return _field(3, body + _field(5, EXTENT))


def pmtiles(path: Path, kind: int, tile: bytes, layers: tuple[str, ...] = ()) -> Path:
    """Write a file that has one tile, of the whole world."""
    metadata = gzip.compress(json.dumps({
        "attribution": "Rail Survey", "vector_layers": [{"id": each, "fields": {}} for each in layers],
    }).encode())  # fmt: skip
    packed = gzip.compress(tile)
    root = gzip.compress(b"".join(map(_varint, (1, 0, 1, len(packed), 1))))
    begin = 127
    places = (begin, len(root), begin + len(root), len(metadata), 0, 0, begin + len(root) + len(metadata))
    header = b"PMTiles\x03" + struct.pack("<11Q", *places, len(packed), 1, 1, 1)
    header += bytes((1, 2, 2, kind, 0, 0)) + struct.pack(
        "<4i", -180_0000000, -85_0000000, 180_0000000, 85_0000000
    )
    header += bytes((0,)) + struct.pack("<2i", 0, 0)
    assert len(header) == begin
    path.write_bytes(header + root + metadata + packed)
    return path


@contextmanager
def tile_server(answers: dict[str, tuple[str, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """Answers by the beginning of a path: kind of content, and content. Gives its address, and the paths that
    it was asked for."""
    asked: list[str] = []

    class Handler(Request):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = next((each for begin, each in answers.items() if self.path.startswith(begin)), None)
            kind, body = found or ("text/plain", b"none")
            headers = {"Content-Type": kind, "Access-Control-Allow-Origin": "*"}
            self.reply(200 if found else 404, body, headers)

    with closing(Serving(Handler)) as server:
        yield f"http://127.0.0.1:{server.port}", asked
