"""A card, a server and an LPA between them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from host_tests.support.cards import four_profiles
from host_tests.support.lpa import Direct, Es9, Es10, Lpa, codec
from tools.modem.card.euicc import Euicc
from tools.world.services.smdp.orders import Order
from tools.world.services.smdp.profiles import Offered, offered
from tools.world.services.smdp.server import Server

ICCID, IMSI = "8949030000000000999", "262019876543210"
MATCH = "MATCH-1"
SMALL = 1_500
"""Bytes of a profile that is quickly loaded, in two segments."""


@dataclass
class Download:
    """`order` is what the server has."""

    smdp: Server
    card: Euicc
    order: Order
    contacts: Direct
    lpa: Lpa

    def damage(self, *names: str) -> None:
        """From now on the server answers so."""
        self.smdp.functions.damage = frozenset(names)
        self.order.bound.clear()

    def reset(self) -> None:
        """The card loses its power and gets it back."""
        self.card.reset(cold=True)
        self.contacts.uicc.reset()
        self.contacts.opened()

    def authenticated(self) -> Any:
        """The card's answer to AuthenticateServer."""
        return codec().decode("Authenticated", self.lpa.authenticate_card(self.lpa.initiate(), MATCH))

    def prepared(self) -> Any:
        """The card's answer to PrepareDownload."""
        return codec().decode("Prepared", self.lpa.prepare(self.lpa.authenticate(self.lpa.initiate(), MATCH)))

    def loaded(self) -> tuple[int, int]:
        """Command and reason of the result, both 0 for a success."""
        return final(self.lpa.load(self.lpa.fetch(MATCH)))

    def iccids(self) -> list[str]:
        """On the card."""
        return [each.iccid for each in self.card.profiles]


def final(answer: bytes) -> tuple[int, int]:
    """Command and reason of a result, both 0 for a success."""
    kind, value = codec().decode("Result", answer)["data"]["final"]
    return (0, 0) if kind == "ok" else (value["command"], value["reason"])


def ready(smdp: Server, size: int = SMALL, quirks: Collection[str] = (), **order: Any) -> Download:
    """A new card with four profiles, and one profile of `size` bytes at the server."""
    card = four_profiles(frozenset(quirks))
    contacts = Direct(card)
    lpa = Lpa(Es10(contacts), Es9(smdp.address, smdp.ca_pem))
    return Download(smdp, card, smdp.order(MATCH, profile(size), **order), contacts, lpa)


def profile(size: int, iccid: str = ICCID) -> Offered:
    """What the server has."""
    return offered(iccid, IMSI, size)
