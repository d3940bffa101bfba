"""Names of networks as modems print them; a network without a name is printed by its digits."""

from __future__ import annotations

NAMES = {
    "20404": ("vodafone NL", "voda NL"),
    "20408": ("NL KPN", "NL KPN"),
    "25001": ("MTS RUS", "MTS"),
    "25002": ("MegaFon RUS", "MegaFon"),
    "25020": ("Tele2", "Tele2"),
    "25099": ("Beeline", "Beeline"),
    "25701": ("A1 BY", "A1"),
    "25702": ("MTS BY", "MTS BY"),
    "26001": ("Plus", "Plus"),
    "26002": ("T-Mobile.pl", "TM PL"),
    "26003": ("Orange PL", "Orange"),
    "26006": ("Play", "Play"),
    "26201": ("Telekom.de", "TDG"),
    "26202": ("Vodafone.de", "Vodafone"),
    "26203": ("O2 - DE", "O2"),
    "40101": ("Beeline KZ", "Beeline"),
    "40102": ("Kcell", "Kcell"),
    "40177": ("Tele2.KZ", "Tele2"),
    "46000": ("CHINA MOBILE", "CMCC"),
    "46001": ("CHN-UNICOM", "UNICOM"),
    "46011": ("CHN-CT", "CT"),
}
"""PLMN: long and short name."""


def name(plmn: str, form: int) -> str:
    """As +COPS prints it: form 0 long, 1 short, 2 digits."""
    return NAMES[plmn][form] if form < 2 and plmn in NAMES else plmn


def digits(text: str, form: int) -> str | None:
    """The PLMN of that name, or None."""
    if form == 2:
        return text if text.isdigit() and len(text) in (5, 6) else None
    return next((plmn for plmn, names in NAMES.items() if names[form] == text), None)
