"""All baselines: the name, the parameters that are shipped, and the grid in which each is tuned."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Protocol

from tools.lab.other_trackers import SHIPPED, variants
from tools.lab.physics import Factory
from tools.lab.reference import Dual, Lyapunov, Moved, Paced, Periodic, Strong

RICHER = (0.7, 0.85, 1.0, 1.25, 1.6)
"""Factors on the energy that a pacing table assumes."""


class Rule(Protocol):
    """Parameters from which a policy is made."""

    def factory(self) -> Factory:
        """Return what makes the policy for a trip."""


@dataclass(frozen=True)
class Baseline:
    """`shipped` are its default parameters, `grid` those it is tuned in (empty: it has none of its own)."""

    name: str
    shipped: Rule
    grid: tuple[Rule, ...] = ()

    @property
    def thrifty(self) -> bool:
        """Return whether it depends on the remaining energy, so that one run does not serve all budgets."""
        return isinstance(self.shipped, (Paced, Dual)) or bool(getattr(self.shipped, "tiers", ()))


def baselines(modem: str, trackers: bool = True) -> tuple[Baseline, ...]:
    """Return P1 to P8 for a class of modem, and with `trackers` B1 to B14."""
    reference = (
        Baseline("P1 hourly", Periodic(1, 1), tuple(Periodic(h, h) for h in (0.5, 1, 2, 4, 8, 12, 24))),
        Baseline(
            "P2 batch",
            Periodic(1, 12),
            tuple(
                Periodic(fix, up)
                for fix, up in product((0.5, 1, 2, 4, 12), (0.5, 1, 2, 4, 8, 12, 24, 36))
                if up >= fix
            ),
        ),
        Baseline(
            "P3 motion",
            Moved(0.5, 0.25, 1, 12),
            tuple(Moved(*each) for each in product((0.5, 5), (0.25, 1, 2), (1, 2, 4, 8), (12, 24))),
        ),
        Baseline(
            "P4 Bartendr",
            Strong(1, -105, 12),
            tuple(
                Strong(*each)
                for each in product((0.5, 1, 2, 3, 12), (-100, -105, -112, -118), (6, 12, 24, 36))
            ),
        ),
        Baseline(
            "P5 Lyapunov",
            Lyapunov(1, 40),
            tuple(Lyapunov(*each) for each in product((0.5, 1, 2, 3, 12), (5, 15, 40, 100, 300, 1000))),
        ),
        Baseline("P6 dual price", Dual(), tuple(map(Dual, (0.35, 0.5, 0.7, 1.0, 1.4, 2.0)))),
        Baseline("P7 pacing table", Paced(modem), tuple(Paced(modem, 0.0, richer) for richer in RICHER)),
        Baseline(
            "P8 pacing table, scans",
            Paced(modem, -112),
            tuple(Paced(modem, dbm, richer) for dbm, richer in product((-106, -112, -118), RICHER)),
        ),
    )
    if not trackers:
        return reference
    others = (Baseline(name, shipped, tuple(variants(name))) for name, shipped in SHIPPED.items())
    return (*reference, *others)
