"""The card: APDUs, the profiles of an eUICC, the applet of a multi-IMSI card, the switch from one profile to
another. Nothing here is imported in an ordinary wake.
"""

from micropython import const

SIGNED = "/signed.bin"
"""File: a package for the next switch of an IoT eUICC, signed by the agent (SGP.32)."""

ISD_R = b"A0000005591010FFFFFFFF8900000100"
"""The application of an eUICC to which ES10 is spoken (SGP.02 2.2.3)."""

NO_CHANNEL = const(-1)
NOT_READY = const(-2)
DAMAGED = const(-3)


class CardError(Exception):
    """The card refuses; `code` is its status word, or one of those above."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def iccid_text(data):
    """The digits of an ICCID from its ten bytes (tag 5A, EF_ICCID)."""
    digits = ""
    for byte in data:
        digits += "%X%X" % (byte & 15, byte >> 4)
    return digits.rstrip("F")


def iccid_bytes(text):
    """Ten bytes, filled with F, from the digits of an ICCID; b"" if there are none."""
    text = text + "F" * (20 - len(text))
    try:
        return bytes([int(text[i + 1] + text[i], 16) for i in range(0, 20, 2)])
    except ValueError:
        return b""
