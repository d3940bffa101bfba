"""The profile elements of an unprotected package (Trusted Connectivity Alliance, eUICC profile package 2.3).

This card uses two: the header for its ICCID and the USIM for its IMSI.
"""

from __future__ import annotations

from tools.modem.card import tlv
from tools.modem.card.files import iccid_text, imsi_text

HEADER, END, USIM = 0xA0, 0xAA, 0xB3
ICCID = 0x83
EF_IMSI = 0xA3
CONTENT = 0x83


class ElementError(ValueError):
    """The elements are not those of a profile."""


def read(package: bytes) -> tuple[str, str]:
    """ICCID and IMSI. Raises `ElementError`."""
    try:
        elements = tlv.decode(package)
    except ValueError as error:
        raise ElementError(str(error)) from None
    tags = [tag for tag, _ in elements]
    if len(tags) < 3 or tags[0] != HEADER or tags[-1] != END or END in tags[:-1] or HEADER in tags[1:]:
        raise ElementError("no header or no end")
    by_tag = dict(elements)
    try:
        iccid = tlv.find(by_tag[HEADER], ICCID)
        imsi = tlv.find(by_tag.get(USIM, b""), EF_IMSI, CONTENT)
    except ValueError as error:
        raise ElementError(str(error)) from None
    if iccid is None or len(iccid) != 10 or imsi is None or len(imsi) != 9:
        raise ElementError("no ICCID or no IMSI")
    return iccid_text(iccid), imsi_text(imsi)
