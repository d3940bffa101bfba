"""Rules of networks: refusals of roaming cards, and the Russian bar on data.

Refusals are drawn once a trip for each network, so that no plan can know them; at least one
network of each country accepts. Congestion comes and goes. Probabilities are model values [C].

In Russia (MCC 250) data stays barred for 24 hours after the first registration, again after a
change of operator and after 72 hours without traffic. Registration itself succeeds. The harder
variant, again after a change of region, is not modelled.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tools.world.radio.harsh import MILD, PERMANENT, Harshness, Spells

HOUR_MS = 3_600_000
ILLEGAL_HERE, ROAMING_NOT_ALLOWED, NO_SUITABLE_CELLS, CONGESTION = 11, 13, 15, 22
"""EMM causes, TS 24.301."""

REFUSES = {
    "46000": (0.10, NO_SUITABLE_CELLS),
    "46001": (0.25, ILLEGAL_HERE),
    "40101": (0.10, ROAMING_NOT_ALLOWED),
    "40102": (0.20, ILLEGAL_HERE),
    "40177": (0.50, ILLEGAL_HERE),
    "25001": (0.15, ROAMING_NOT_ALLOWED),
    "25002": (0.15, ILLEGAL_HERE),
    "25099": (0.40, ILLEGAL_HERE),
    "25701": (0.10, ROAMING_NOT_ALLOWED),
    "25702": (0.40, ILLEGAL_HERE),
    "26001": (0.50, ILLEGAL_HERE),
    "26003": (0.10, NO_SUITABLE_CELLS),
    "26201": (0.20, NO_SUITABLE_CELLS),
    "26202": (0.05, ROAMING_NOT_ALLOWED),
    "26203": (0.30, ILLEGAL_HERE),
}
"""Probability that a network refuses foreign cards on a trip, and the cause it gives."""
CONGESTED_MS = 900_000

BAR_MCC = "250"
BAR_MS = 24 * HOUR_MS
SILENCE_MS = 72 * HOUR_MS


class Bar(NamedTuple):
    """A time for which a network bars the data of the card."""

    start_ms: int
    end_ms: int
    plmn: str


class Admission:
    """Which networks accept which cards on one trip. `agreements`: countries (MCC) in which an IMSI is
    accepted, and those alone; one that is not in it meets the refusals that were drawn."""

    def __init__(
        self, seed: int, harshness: Harshness = MILD, agreements: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self._seed = seed
        self._agreements = agreements or {}
        self._congested = harshness.congested
        self._causes = _refusals(random.Random(f"{seed}/refusals"), harshness.refused)
        self._bans = Spells(seed, "bans", harshness.banned)

    def cause(self, ms: int, imsi: str, plmn: str) -> int:
        """0, or the EMM cause with which `plmn` refuses the card at that moment."""
        if imsi.startswith(plmn):
            return 0
        if imsi[:3] == plmn[:3]:
            return ROAMING_NOT_ALLOWED  # a card of the country's own has no national roaming
        if self._bans.on(ms, plmn):
            return self._bans.choice(ms, plmn, PERMANENT)
        agreed = self._agreements.get(imsi)
        if agreed is not None and plmn[:3] not in agreed:
            return ILLEGAL_HERE
        if agreed is None and self._causes.get(plmn):
            return self._causes[plmn]
        slot = random.Random(f"{self._seed}/congestion/{plmn}/{ms // CONGESTED_MS}")
        return CONGESTION if slot.random() < self._congested else 0

    def forbidden(self, count: int) -> list[str]:
        """So many networks, or less, that earlier trips have left on the card's list of forbidden ones.

        Each country keeps a network that accepts the card and is not on it.
        """
        listed: list[str] = []
        rng = random.Random(f"{self._seed}/forbidden")
        for plmn in rng.sample(sorted(REFUSES), len(REFUSES)):
            others = (other for other in REFUSES if other[:3] == plmn[:3] and other not in (plmn, *listed))
            if len(listed) < count and any(not self._causes[other] for other in others):
                listed.append(plmn)
        return listed


class DataBar:
    """The Russian rule for the one card of the trip, whatever its country."""

    def __init__(self, left_russia_ms: int) -> None:
        self._left_ms = left_russia_ms
        self._bars: list[Bar] = []
        self._plmn = self._imsi = ""
        self._heard_ms = 0

    @property
    def bars(self) -> list[Bar]:
        """All bars so far, in order; the last may go on."""
        return sorted(self._bars)

    def registered(self, ms: int, plmn: str, imsi: str = "") -> None:
        """The card has registered: the bar falls at the first time, at a change of operator or identity."""
        if plmn[:3] != BAR_MCC:
            self._plmn = ""
            return
        other, self._imsi = imsi != self._imsi, imsi
        if other or plmn != self._plmn or ms - self._heard_ms > SILENCE_MS:
            self._bar(ms, plmn)

    def open(self, ms: int, plmn: str) -> bool:
        """Whether data passes now; silence that was too long is noticed here."""
        if plmn[:3] == BAR_MCC and ms - self._heard_ms > SILENCE_MS:
            self._bar(ms, plmn)
        return not self.barred(ms, plmn)

    def sent(self, ms: int, plmn: str) -> None:
        """Traffic has passed."""
        if plmn[:3] == BAR_MCC:
            self._heard_ms = ms

    def barred(self, ms: int, plmn: str) -> bool:
        """Whether `plmn` barred the card at a moment of the past."""
        return any(bar.plmn == plmn and bar.start_ms <= ms < bar.end_ms for bar in self._bars)

    def _bar(self, ms: int, plmn: str) -> None:
        self._plmn, self._heard_ms = plmn, ms
        self._bars.append(Bar(ms, max(ms, min(ms + BAR_MS, self._left_ms)), plmn))


def _refusals(rng: random.Random, least: float) -> dict[str, int]:
    """Network -> cause, 0 if it accepts foreign cards; `least` is the least probability of a refusal."""
    causes = {
        plmn: cause if rng.random() < max(fraction, least) else 0
        for plmn, (fraction, cause) in REFUSES.items()
    }
    for plmns in _by_country(REFUSES).values():
        if all(causes[plmn] for plmn in plmns):
            causes[min(plmns, key=lambda plmn: REFUSES[plmn][0])] = 0
    return causes


def _by_country(plmns: Iterable[str]) -> dict[str, list[str]]:
    countries = defaultdict(list)
    for plmn in plmns:
        countries[plmn[:3]].append(plmn)
    return countries
