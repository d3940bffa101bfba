"""Digits in the files of a card: BCD with the low nibble first, PLMNs (TS 24.008 10.5.1.13)."""

from __future__ import annotations


def swapped(digits: str) -> bytes:
    """Digits as BCD with the low nibble first."""
    return bytes(int(digits[i + 1] + digits[i], 16) for i in range(0, len(digits), 2))


def iccid_bytes(iccid: str) -> bytes:
    """EF_ICCID and tag 5A: ten bytes, filled with F."""
    return swapped(iccid.ljust(20, "F"))


def iccid_text(data: bytes) -> str:
    """The digits of an ICCID."""
    return "".join(f"{byte & 15:X}{byte >> 4:X}" for byte in data).rstrip("F")


def imsi_bytes(imsi: str) -> bytes:
    """EF_IMSI (TS 31.102 4.2.2)."""
    return bytes([8]) + swapped(("9" + imsi).ljust(16, "F"))


def plmn_bytes(plmn: str) -> bytes:
    """MCC2 MCC1, MNC3 MCC3, MNC2 MNC1."""
    mcc, mnc = plmn[:3], plmn[3:].ljust(3, "F")
    return bytes.fromhex(mcc[1] + mcc[0] + mnc[2] + mcc[2] + mnc[1] + mnc[0])


def plmn_text(entry: bytes) -> str:
    """The digits of a PLMN."""
    text = entry.hex().upper()
    return (text[1] + text[0] + text[3] + text[5] + text[4] + text[2]).rstrip("F")


def imsi_text(data: bytes) -> str:
    """The digits of an IMSI as EF_IMSI has them."""
    return iccid_text(data[1:])[1:]
