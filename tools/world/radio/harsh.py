"""Harsher worlds: additional denials, gaps and congestion.

Model values [C]: each is well beyond what a trip is expected to meet, so that budgets which hold here
hold there.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

ILLEGAL_UE, ILLEGAL_ME, NOT_ALLOWED = 3, 6, 8
"""EMM causes of TS 24.301 that no second try mends."""
PERMANENT = (ILLEGAL_UE, ILLEGAL_ME, NOT_ALLOWED)


@dataclass(frozen=True)
class Harshness:
    """Shares are probabilities; the default is the reference world.

    `usable_fraction`: so much of the route keeps a usable network, None: all that it has. `refused`: at
    least so likely a network refuses foreign cards for the whole trip. `congested`: of each quarter of
    an hour of each network. `banned`, `dead`: of each spell of `SPELL_MS` of each network, in which it
    refuses every card for a permanent cause, or registers it and passes no data. `forbidden`: networks
    on the card's list of forbidden ones when the trip begins.
    """

    usable_fraction: float | None = None
    refused: float = 0.0
    congested: float = 0.02
    banned: float = 0.0
    dead: float = 0.0
    forbidden: int = 0


MILD = Harshness()
HARSH = Harshness(usable_fraction=0.4, refused=0.4, congested=0.15, banned=0.1, dead=0.15, forbidden=4)

SPELL_MS = 3 * 86_400_000


class Spells:
    """Times of days in which something is the matter with a network, each network with its own."""

    def __init__(self, seed: int, matter: str, fraction: float) -> None:
        self._key = f"{seed}/{matter}"
        self._fraction = fraction

    def on(self, ms: int, plmn: str) -> bool:
        """Whether it is so at that moment."""
        return bool(self._fraction) and self._drawn(ms, plmn).random() < self._fraction

    def choice(self, ms: int, plmn: str, among: tuple[int, ...]) -> int:
        """One of `among`, the same during the whole spell."""
        drawn = self._drawn(ms, plmn)
        drawn.random()
        return drawn.choice(among)

    def _drawn(self, ms: int, plmn: str) -> random.Random:
        begins_ms = random.Random(f"{self._key}/{plmn}").randrange(SPELL_MS)
        return random.Random(f"{self._key}/{plmn}/{(ms + begins_ms) // SPELL_MS}")
