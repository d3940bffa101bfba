"""Profiles of any size for the tests: elements as an operator's tool makes them, and filler in an applet."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from tools.modem.card import tlv
from tools.modem.card.files import iccid_bytes, imsi_bytes, plmn_bytes
from tools.modem.card.profile import DELETE, DISABLE, ENABLE, INSTALL, OPERATIONAL

TEMPLATES = bytes.fromhex("67810F0102")
"""How the OIDs of the templates of the Trusted Connectivity Alliance begin."""
APPLET = bytes.fromhex("A000000559101002")
USIM = (0xA4, 0xA8, 0xAD, 0xAE, 0xB2, 0xB6)
"""Files that a USIM has to have, left to its template."""
SMALLEST = 600
SPARES = 8
"""Where a length takes a byte more, no applet fits some sizes: another element is so much longer then."""


@dataclass(frozen=True)
class Offered:
    """A profile that waits to be downloaded. `rules` is the byte of its profile policy rules, 0 for none."""

    iccid: str
    imsi: str
    name: str
    provider: str
    package: bytes
    kind: int = OPERATIONAL
    rules: int = 0

    def metadata(self, address: str) -> bytes:
        """StoreMetadataRequest; `address` is to be notified of every operation."""
        operations = bytes([4, INSTALL | ENABLE | DISABLE | DELETE])
        notified = tlv.encode(0x30, tlv.encode(0x80, operations), tlv.encode(0x81, address.encode()))
        return tlv.encode(
            0xBF25,
            tlv.encode(0x5A, iccid_bytes(self.iccid)),
            tlv.encode(0x91, self.provider.encode()),
            tlv.encode(0x92, self.name.encode()),
            b"" if self.kind == OPERATIONAL else tlv.encode(0x95, bytes([self.kind])),
            tlv.encode(0xB6, notified),
            tlv.encode(0xB7, tlv.encode(0x80, plmn_bytes(self.imsi[:5]))),
            tlv.encode(0x99, bytes([4, self.rules])) if self.rules else b"",
        )


def offered(iccid: str, imsi: str, size: int, name: str = "Test", provider: str = "Landbridge") -> Offered:
    """A profile whose package has exactly `size` bytes, at least `SMALLEST`."""
    return Offered(iccid, imsi, name, provider, package(iccid, imsi, size))


def package(iccid: str, imsi: str, size: int) -> bytes:
    """The unprotected package: header, files, codes, keys, an applet of filler, end. Raises ValueError."""
    for spare in range(SPARES):
        first, last = _frame(iccid, imsi, spare)
        room = size - len(first) - len(last)
        for length in range(room, max(room - 40, 0), -1):
            applet = tlv.encode(0xA8, _head(7), _code_of(_filler(f"{iccid} applet", length)))
            if len(applet) == room:
                return first + applet + last
    raise ValueError(f"{size} bytes are too few for a profile; at least {SMALLEST}")


def _frame(iccid: str, imsi: str, spare: int) -> tuple[bytes, bytes]:
    """The elements before the applet, and those after it."""
    elements = (
        tlv.encode(
            0xA0,
            tlv.encode(0x80, b"\x02"),
            tlv.encode(0x81, b"\x03"),
            tlv.encode(0x82, b"Landbridge test profile"),
            tlv.encode(0x83, iccid_bytes(iccid)),
            tlv.encode(0xA5, tlv.encode(0x81), tlv.encode(0x84)),
            tlv.encode(0xA6, tlv.encode(0x06, TEMPLATES + b"\x01"), tlv.encode(0x06, TEMPLATES + b"\x04")),
        ),
        _files(0xB0, 1, _file(0xA4, iccid_bytes(iccid)), tlv.encode(0xA5), tlv.encode(0xA6)),
        tlv.encode(0xA3, _head(2), tlv.encode(0xA1, _code(1, b"12345678"))),
        tlv.encode(0xA2, _head(3), tlv.encode(0xA1, tlv.encode(0xA0, _code(1, b"1234\xff\xff\xff\xff")))),
        _files(0xB3, 4, _file(0xA3, imsi_bytes(imsi)), *map(tlv.encode, USIM)),
        tlv.encode(0xA4, _head(5), tlv.encode(0xA1, tlv.encode(0xA1, _keys(imsi)))),
        tlv.encode(0xA6, _head(6), tlv.encode(0xA1, _domain(_filler(f"{iccid} domain", 200 + spare)))),
    )
    return b"".join(elements), tlv.encode(0xAA, _head(8))


def _head(number: int) -> bytes:
    return tlv.encode(0xA0, tlv.encode(0x80), tlv.encode(0x81, bytes([number])))


def _files(tag: int, number: int, *files: bytes) -> bytes:
    template = tlv.encode(0x81, TEMPLATES + bytes([number]))
    return tlv.encode(tag, _head(number), template, tlv.encode(0xA2), *files)


def _file(tag: int, contents: bytes) -> bytes:
    return tlv.encode(tag, tlv.encode(0x83, contents))


def _code(number: int, digits: bytes) -> bytes:
    return tlv.encode(0x30, tlv.encode(0x80, bytes([number])), tlv.encode(0x81, digits))


def _keys(imsi: str) -> bytes:
    """Milenage, Ki and OPc, of no real network."""
    return (
        tlv.encode(0x80, b"\x01")
        + tlv.encode(0x81, b"\x01")
        + tlv.encode(0x82, _filler(f"{imsi} Ki", 16))
        + tlv.encode(0x83, _filler(f"{imsi} OPc", 16))
    )


def _domain(parameters: bytes) -> bytes:
    """The instance of a security domain."""
    names = (tlv.encode(0x4F, APPLET + bytes([number])) for number in (1, 2, 3))
    settings = tlv.encode(0x82, bytes.fromhex("82DC00")) + tlv.encode(0x83, b"\x0f")
    return b"".join((*names, settings, tlv.encode(0xC9, parameters)))


def _code_of(filler: bytes) -> bytes:
    """The load block of an applet."""
    return tlv.encode(0xA1, tlv.encode(0x4F, APPLET), tlv.encode(0xC4, filler))


def _filler(name: str, size: int) -> bytes:
    """Bytes that nothing can compress."""
    blocks = (sha256(f"{name}/{n}".encode()).digest() for n in range(size // 32 + 1))
    return b"".join(blocks)[:size]
