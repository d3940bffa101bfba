"""ES10c of an eUICC (SGP.22 5.7): its EID, its profiles, the enabled one, its notifications.

Each function takes the `Transport` on which the ISD-R is open, and returns a result of RSPDefinitions.asn1
where it says so: 0 is success. They raise `CardError` when the card does not answer.
"""

from micropython import const

from locator.esim import DAMAGED, CardError, tlv

OK = const(0)
NOT_FOUND = const(1)
WRONG_STATE = const(2)
BY_POLICY = const(3)
REENABLING = const(4)
CAT_BUSY = const(5)
UNDEFINED = const(127)
GUARDED = const(-1)
"""A result of the firmware itself: the device does not request that."""

OPERATIONAL = const(2)  # also of a profile whose class the card leaves out (SGP.22: the default)

# How a profile is named to the card, and whether the card shall request a REFRESH. Without a name (SGP.32):
# by the package that the agent has signed; back to the previous profile, if the package allows it; to the
# fallback profile.
METHODS = (
    (0x5A, True),
    (0x5A, False),
    (0x4F, True),
    (0x4F, False),
    (0xBF51, True),
    (0xBF58, True),
    (0xBF5D, True),
)

_LIST = b"\xbf\x2d\x06\x5c\x04\x5a\x9f\x70\x95"
_DATA = b"\xbf\x3e\x03\x5c\x01\x5a"
_NICKNAME_BYTES = const(64)


class Profile:
    """A profile: `iccid` as ten bytes, `enabled`, `kind`: OPERATIONAL, or a class that no policy may
    choose."""

    def __init__(self, iccid, enabled, kind):
        self.iccid = iccid
        self.enabled = enabled
        self.kind = kind


def eid(transport):
    """Return the EID, 32 digits."""
    data = tlv.find(transport.send(_DATA), 0xBF3E, 0x5A)
    if data is None or len(data) != 16:
        raise CardError(DAMAGED)
    return "".join(["%02X" % byte for byte in data])


def profiles(transport):
    """Return all `Profile`s of the card."""
    answer = transport.send(_LIST)
    listed = tlv.find(answer, 0xBF2D, 0xA0)
    if listed is None:
        raise CardError(DAMAGED)
    found: list = []
    for tag, value in tlv.objects(listed):
        iccid = tlv.find(value, 0x5A)
        if tag == 0xE3 and iccid and len(iccid) == 10:
            state, kind = tlv.number(tlv.find(value, 0x9F70)), tlv.find(value, 0x95)
            found.append(Profile(iccid, state == 1, OPERATIONAL if kind is None else tlv.number(kind)))
    return found


def enable(transport, iccid, method):
    """Enable a profile in one of `METHODS`, which disables the previous one. Return the result."""
    tag, refresh = METHODS[method]
    if tag > 0xFF:
        return _result(transport, tag, b"\x80\x01\xff")
    name = iccid
    if tag == 0x4F:
        name = aid(transport, iccid)
        if not name:
            return NOT_FOUND
    return _result(transport, 0xBF31, tlv.make(0xA0, tlv.make(tag, name)) + _flag(refresh))


def disable(transport, iccid, refresh):
    """Disable a profile, which leaves the card without an enabled one. Return the result."""
    return _result(transport, 0xBF32, tlv.make(0xA0, tlv.make(0x5A, iccid)) + _flag(refresh))


def delete(transport, iccid):
    """Delete a profile permanently; only one that is disabled and operational, while two others remain.
    Return the result."""
    listed = [each for each in profiles(transport) if each.kind == OPERATIONAL]
    for each in listed:
        if each.iccid == iccid:
            if each.enabled or len(listed) < 3:
                return GUARDED
            return _result(transport, 0xBF33, tlv.make(0x5A, iccid))
    return NOT_FOUND


def aid(transport, iccid):
    """Return the AID of the ISD-P of a profile, b"" if the card does not report it."""
    request = tlv.make(0xBF2D, tlv.make(0x5C, b"\x5a\x4f"))
    for _, value in tlv.objects(tlv.find(transport.send(request), 0xBF2D, 0xA0) or b""):
        if tlv.find(value, 0x5A) == iccid:
            return tlv.find(value, 0x4F) or b""
    return b""


def name(transport, iccid, nickname):
    """Give a profile a nickname, at most 64 bytes of UTF-8. Returns the result."""
    text = nickname.encode()[:_NICKNAME_BYTES]
    return _result(transport, 0xBF29, tlv.make(0x5A, iccid) + tlv.make(0x90, text))


def notifications(transport):
    """Return the card's notifications for the servers of its profiles: (sequence number, operation as the
    bits of SGP.22, ICCID)."""
    found: list = []
    for tag, value in tlv.objects(tlv.find(transport.send(b"\xbf\x28\x00"), 0xBF28, 0xA0) or b""):
        seq, bits = tlv.number(tlv.find(value, 0x80)), tlv.find(value, 0x81)
        if tag == 0xBF2F and seq >= 0 and bits and len(bits) == 2:
            found.append((seq, bits[1], tlv.find(value, 0x5A) or b""))
    return found


def notification(transport, seq):
    """Return one of them as the card has signed it, b"" if the card no longer has it."""
    request = tlv.make(0xBF2B, tlv.make(0xA0, tlv.make(0x80, _integer(seq))))
    return tlv.find(transport.send(request), 0xBF2B, 0xA0) or b""


def _result(transport, tag, value):
    for _, result in tlv.objects(tlv.find(transport.send(tlv.make(tag, value)), tag) or b""):
        return tlv.number(result)
    raise CardError(DAMAGED)


def _flag(value):
    return tlv.make(0x81, b"\xff" if value else b"\x00")


def _integer(value):
    """Encode an unsigned INTEGER in as few bytes as DER allows."""
    size = 1
    while value >> (8 * size - 1):
        size += 1
    return value.to_bytes(size, "big")
