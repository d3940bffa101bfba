"""The description of an eUICC: EUICCInfo1 and 2, and the template that SELECT of the ISD-R returns."""

from __future__ import annotations

from tools.modem.card import tlv
from tools.modem.card.rsp.identity import Identity

SVN = bytes([2, 2, 2])
PROFILE_VERSION = bytes([2, 3, 1])
FIRMWARE = bytes([1, 0, 0])
VOLATILE = 32_768
UICC_CAPABILITY = bytes.fromhex("076A3A80")
"""USIM and ISIM, Milenage and TUAK, GBA and MBMS, Java Card, several USIMs."""
RSP_CAPABILITY = bytes.fromhex("0490")
"""Additional profiles and test profiles; neither revocation lists nor remote profile management."""
FORBIDDEN_RULES = bytes.fromhex("0560")
"""Profile policy rules 1 and 2: there is no rules authorisation table that allows them."""
ACCREDITATION = b"LB-TEST-0000"
IOT_VERSION = bytes([1, 2, 0])
CONFIGURATION = b"\x06\x40"
"""euiccConfiguration: no assistant of its own, a profile is enabled."""


def info1(identity: Identity) -> bytes:
    """The value of BF20."""
    return b"".join((tlv.encode(0x82, SVN), _keys(identity)))


def info2(identity: Identity, installed: int, free: int, iot: bool) -> bytes:
    """The value of BF22; `free` bytes of non-volatile memory."""
    resources = (
        tlv.encode(0x81, bytes([installed])),
        tlv.encode(0x82, free.to_bytes(4)),
        tlv.encode(0x83, VOLATILE.to_bytes(4)),
    )
    parts = [
        tlv.encode(0x81, PROFILE_VERSION),
        tlv.encode(0x82, SVN),
        tlv.encode(0x83, FIRMWARE),
        tlv.encode(0x84, *resources),
        tlv.encode(0x85, UICC_CAPABILITY),
        tlv.encode(0x86, bytes([9, 2, 0])),
        tlv.encode(0x87, bytes([2, 3, 0])),
        tlv.encode(0x88, RSP_CAPABILITY),
        _keys(identity),
        tlv.encode(0x8B, b"\x02"),
        tlv.encode(0x99, FORBIDDEN_RULES),
        tlv.encode(0x04, bytes([1, 0, 0])),
        tlv.encode(0x0C, ACCREDITATION),
    ]
    if iot:
        parts.append(tlv.encode(0x90, b"\0"))  # the assistant is in the device
        parts.append(tlv.encode(0xB4, tlv.encode(0xA0, tlv.encode(0x04, IOT_VERSION)), tlv.encode(0x82)))
    return b"".join(parts)


def template(aid: bytes, iot: bool) -> bytes:
    """The file control information of the ISD-R: E0 on a card of SGP.22, E1 on one of SGP.32."""
    longest = tlv.encode(0xA5, tlv.encode(0x9F65, b"\xff"))
    kind = (
        tlv.encode(0xE1, tlv.encode(0x80, CONFIGURATION)) if iot else tlv.encode(0xE0, tlv.encode(0x82, SVN))
    )
    return tlv.encode(0x6F, tlv.encode(0x84, aid), longest, kind)


def _keys(identity: Identity) -> bytes:
    """The roots for verification and for signing: the same."""
    return tlv.encode(0xA9, identity.key_ids()) + tlv.encode(0xAA, identity.key_ids())
