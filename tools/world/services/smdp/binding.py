"""Binds a profile to the one-time key of an eUICC: the bound profile package of SGP.22 2.5.4."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import ec

from tools.modem.card import tlv
from tools.modem.card.files import iccid_bytes
from tools.modem.card.rsp import chain, signature
from tools.modem.card.rsp.bsp import KEY_LENGTH, KEY_TYPE, MAC_SIZE, SEGMENT, SIZE, Channel, Keys, derive
from tools.modem.card.rsp.signature import OTPK
from tools.world.services.smdp.profiles import Offered

HOST = b"landbridge-smdp"
WHOLE = SEGMENT - 4 - MAC_SIZE
"""Bytes of ciphertext in the longest object; osmo-smdpp takes them for plain text, and pads."""
DAMAGES = frozenset(
    "package-signature package-transaction package-operation package-reference package-mac package-mac-late "
    "package-order package-keys metadata-missing metadata-rules other-iccid bad-element bad-configure "
    "configure-more metadata-class".split()
)
"""The possible errors in a package."""


@dataclass(frozen=True)
class Bound:
    """The parts of a package that only depend on the two one-time keys."""

    euicc_otpk: bytes
    otsk: ec.EllipticCurvePrivateKey
    sequences: bytes
    damage: frozenset[str]

    def package(self, transaction: bytes) -> bytes:
        """For this session."""
        operation = b"\x02" if "package-operation" in self.damage else b"\x01"
        kind = b"\x80" if "package-reference" in self.damage else bytes([KEY_TYPE])
        named = transaction[::-1] if "package-transaction" in self.damage else transaction
        opening = (
            tlv.encode(0x82, operation)
            + tlv.encode(0x80, named)
            + tlv.encode(
                0xA6,
                tlv.encode(0x80, kind),
                tlv.encode(0x81, bytes([KEY_LENGTH])),
                tlv.encode(0x84, HOST),
            )
            + tlv.encode(OTPK, signature.point(self.otsk))
        )
        signed = opening + tlv.encode(OTPK, self.euicc_otpk)
        by = chain.key("nobody") if "package-signature" in self.damage else chain.server(chain.ROLE_PB).key
        return tlv.encode(0xBF36, tlv.encode(0xBF23, opening, signature.sign(by, signed)), self.sequences)


def bind(
    profile: Offered,
    address: str,
    eid: bytes,
    euicc_otpk: bytes,
    random: Callable[[int], bytes],
    otsk: ec.EllipticCurvePrivateKey,
    cut: int = WHOLE - 1,
    damage: Collection[str] = (),
) -> Bound:
    """`cut`: bytes of plain text in an object. Raises ValueError for a key that is none."""
    channel = Channel(derive(signature.agreed(otsk, euicc_otpk), HOST, eid))
    more = tlv.encode(0xB8, bytes(127)) if "configure-more" in damage else b""
    configure = tlv.encode(0xBF25 if "bad-configure" in damage else 0xBF24, more)
    first = channel.protect(0x87, configure)
    stored = b"".join(
        channel.authenticate(0x88, each) for each in _cut(_metadata(profile, address, damage), cut)
    )
    ppk = Keys(random(SIZE), random(SIZE), random(SIZE))
    short = ppk.mac[:8] if "package-keys" in damage else ppk.mac
    fresh = tlv.encode(
        0xBF26, tlv.encode(0x80, ppk.chaining), tlv.encode(0x81, ppk.enc), tlv.encode(0x82, short)
    )
    second = channel.protect(0x87, fresh)
    channel.replace(ppk)
    objects = [channel.protect(0x86, each) for each in _cut(_elements(profile, damage), cut)]
    if "package-mac" in damage:
        objects[0] = _flipped(objects[0])
    if "package-mac-late" in damage:
        objects[-1] = _flipped(objects[-1])
    if "package-order" in damage:
        objects[:2] = objects[1::-1]
    sequences = (
        tlv.encode(0xA0, first),
        tlv.encode(0xA1, stored),
        tlv.encode(0xA2, second),
        tlv.encode(0xA3, *objects),
    )
    return Bound(euicc_otpk, otsk, b"".join(sequences), frozenset(damage))


def _metadata(profile: Offered, address: str, damage: Collection[str]) -> bytes:
    stored = profile.metadata(address)
    if "metadata-missing" in damage:
        return tlv.encode(0xBF25, tlv.encode(0x91, b"no ICCID"))
    if "metadata-rules" in damage:
        return tlv.encode(0xBF25, tlv.decode(stored)[0][1], tlv.encode(0x99, b"\x05\x40"))
    if "metadata-class" in damage:
        return replace(profile, kind=9).metadata(address)
    if "other-iccid" in damage:
        number = iccid_bytes(profile.iccid)
        return stored.replace(number, bytes([number[0] ^ 1]) + number[1:], 1)
    return stored


def _elements(profile: Offered, damage: Collection[str]) -> bytes:
    return profile.package[:-4] if "bad-element" in damage else profile.package


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])
