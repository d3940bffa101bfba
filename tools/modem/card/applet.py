"""A card with several identities whose applet decides which is used, as sold for many countries.

It polls (STATUS, location status) while the modem's toolkit is on. In another country, or after two minutes
without service, it takes an identity that its table has for the country, else the next one, and asks for a
REFRESH. Its ICCID stays. Switching the radio off or sleep interrupts it (BICS, 1NCE, globallot).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.modem.card.card import Card

PATIENCE_MS = 120_000
POLL_MS = 25_000
"""Between two looks of the applet."""


@dataclass
class Identity:
    """`countries`: MCCs for which it is the best one."""

    imsi: str
    countries: frozenset[str]
    name: str = ""


class AppletCard(Card):
    """`identities`, the first is used when the card is new. `rotations`: (MCC, IMSI) of each change."""

    polls = True

    def __init__(self, identities: Sequence[Identity], iccid: str = "8988303000000012345") -> None:
        super().__init__(identities[0].imsi, iccid)
        self.identities = list(identities)
        self.rotations: list[tuple[str, str]] = []
        self._mcc = ""
        self._tried = 0
        self._next: Identity | None = None
        self.menu = tuple(identity.name or identity.imsi for identity in identities)

    def reset(self, cold: bool = False) -> None:
        """The identity that was chosen is there now."""
        super().reset(cold)
        if self._next:
            self._take(self._next)
        self._next = None

    def status(self, mcc: str, in_service: bool, elapsed_ms: float) -> None:
        """See `Card`."""
        if not mcc or self._next:
            return
        if mcc != self._mcc:
            self._mcc, self._tried = mcc, 0
            best = self._best(mcc)
            if best and best.imsi != self.imsi:
                self._rotate(best)
        elif not in_service and elapsed_ms >= PATIENCE_MS:
            self._tried += 1
            at = [identity.imsi for identity in self.identities].index(self.imsi)
            self._rotate(self.identities[(at + 1) % len(self.identities)])

    def choose(self, item: int) -> bool:
        """See `Card`."""
        if not 1 <= item <= len(self.identities):
            return False
        if self.identities[item - 1].imsi != self.imsi:
            self._rotate(self.identities[item - 1])
        return True

    def _best(self, mcc: str) -> Identity | None:
        return next((identity for identity in self.identities if mcc in identity.countries), None)

    def _rotate(self, identity: Identity) -> None:
        self._next = identity
        self.refresh_ms = 0

    def _take(self, identity: Identity) -> None:
        self.rotations.append((self._mcc, identity.imsi))
        self.imsi, self.forbidden = identity.imsi, []
