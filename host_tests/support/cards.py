"""Cards for the tests: that of the golden vectors, one with four profiles, one with an applet."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

from locator.esim import ISD_R, apdu, iccid_bytes
from locator.modem import make

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.card.applet import AppletCard, Identity
from tools.modem.card.card import Card
from tools.modem.card.euicc import Euicc
from tools.modem.card.notifications import Notification
from tools.modem.card.profile import PROVISIONING, Profile

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "es10c_vectors.json").read_text())[
    "vectors"
]
ICCID = "8949030000000000001"
OTHER = "8949030000000000002"
ROAMING, CIS, EUROPE, CHINA = ("204046612345678", "250011234567890", "262011234567890", "460011234567890")


def golden_card(name: str) -> Euicc:
    """The card whose answer to the vector of this name is the one that the vector has."""
    first = Profile(ICCID, "262011234567890", "P1", "SP", "EU")
    second = Profile(OTHER, "262011234567891")
    card = Euicc([first])
    operation = name.partition("-")[0]
    code = int(name.rpartition("-")[2]) if name.rpartition("-")[2].isdigit() else None
    if operation in ("enable", "delete"):
        card = Euicc([second, first])
    if name.startswith("retrieve"):
        return card
    if code in (4, 127):
        card.results[
            {"profile": 0xBF2D, "enable": 0xBF31, "disable": 0xBF32, "delete": 0xBF33}[operation]
        ] = code
    elif code == 1:
        first.iccid, first.aid = OTHER, b""
    elif code == 2:
        card = Euicc([second, first] if operation == "disable" else [first, second])
    elif code == 3:
        card.profiles[0].keeps = first.keeps = ("disable", "delete")
    elif code == 5:
        card.toolkit_busy = True
    if name == "enable-aid-refresh-0":
        first.aid = bytes.fromhex("A0000005591010FFFFFFFF8900001100")
        second.aid = bytes(16)
    pending = name in ("list-notification", "notification-sent")
    card.notifications = [Notification(7, 0x40, ICCID)] if pending else []
    return card


def four_profiles(quirks: frozenset[str] = frozenset()) -> Euicc:
    """Roaming (the fallback), CIS, Europe, China; and one that no policy may choose."""
    return Euicc(
        [
            Profile("8931440400012345678", ROAMING, "roaming", "R", fallback=True),
            Profile("8970101000000000012", CIS, "cis", "C"),
            Profile("8949030000000000001", EUROPE, "europe", "E"),
            Profile("8986011000000000011", CHINA, "china", "U"),
            Profile("8988000000000000001", "001010000000001", "bootstrap", "B", kind=PROVISIONING),
        ],
        quirks=quirks,
    )


def applet_card() -> AppletCard:
    """Three identities for China, the CIS and Europe."""
    return AppletCard(
        [
            Identity(EUROPE, frozenset({"262", "260"}), "Europe"),
            Identity(CIS, frozenset({"250", "257", "401"}), "CIS"),
            Identity(CHINA, frozenset({"460"}), "China"),
        ]
    )


EUROPE_ICCID = iccid_bytes("8949030000000000001")


def started_driver(dialect, card: Card, *variants: str):
    modem = ModemUnderTest(dialect, card=card, variants=variants)
    driver = make(types.SimpleNamespace(MODEM=dialect, apn=b"iot"), modem)
    driver.start(True, True)
    driver.await_card()
    return driver


def opened(driver, interface: int = apdu.UNKNOWN) -> apdu.Transport:
    transport = apdu.Transport(driver, interface)
    transport.open(ISD_R)
    return transport
