"""A train that shuttles in the yard at a border: how often a card of four profiles is switched there.

Part of `python -m tools.verify.esim.cards`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from tools.modem.registry import Dialect
from tools.verify.soak import budgets
from tools.verify.soak.watch import Watch
from tools.world import stage
from tools.world.demo.diary import Diary
from tools.world.oracle.records import Oracle
from tools.world.radio.cards import Issued
from tools.world.radio.harsh import Harshness
from tools.world.trip_run import Demo, add_task, measure, progress_bar

TIMES = 51
MOST_SWITCHES_A_DAY = 3
DAYS = 5
"""The shuttle takes three and a half of them."""


@dataclass(frozen=True)
class Shuttled:
    """The result."""

    crossings: int
    switches: int
    most_switches_a_day: int
    violations: list[str]
    """Budgets of the operators that were broken."""
    refused_h: float
    longest_silence_h: float
    points: int
    lost: int

    def short(self) -> list[str]:
        """One line for each demand that is not met."""
        found = [f"border flapped: {line}" for line in self.violations]
        if self.most_switches_a_day > MOST_SWITCHES_A_DAY:
            found.append(f"border flapped: {self.most_switches_a_day} switches in a day")
        if not self.switches:
            found.append("border flapped: nothing was switched, so this shows nothing")
        return found + ([f"border flapped: lost {self.lost}"] if self.lost else [])

    def summary(self) -> str:
        """In one line."""
        return (
            f"a border flapped {self.crossings} times: {self.switches} switches, at most "
            f"{self.most_switches_a_day} a day, budgets broken {len(self.violations)}, without service "
            f"{self.refused_h:.1f} h, longest silence {self.longest_silence_h:.1f} h, lost {self.lost}"
        )


@dataclass
class _Noting(Diary):
    """Notes when the card was switched, as at each wake."""

    card: Issued | None = None
    switched_ms: list[int] = field(default_factory=list)

    def after_wake(self, now_ms: int, pending: int, rtc_memory: bytes) -> None:
        """See `Diary`."""
        super().after_wake(now_ms, pending, rtc_memory)
        assert self.card
        self.switched_ms += [now_ms] * (self.card.switches() - len(self.switched_ms))


def run(
    out: Path, modem: Dialect, seed: int, harshness: Harshness, console: Console, days: int = DAYS
) -> Shuttled:
    """Such a trip. Raises `ServiceError`."""
    built = stage.build(
        out, stage.Scenario(modem, seed, days, harshness=harshness, card="euicc4", shuttles=TIMES)
    )
    try:
        watch = Watch()
        watch.follow(built)
        diary = _Noting(built.trip, card=built.card)
        demo = Demo(built, Oracle(built.flash, built.trip, built.network.traffic), diary, None)
        with progress_bar(console) as progress:
            demo.run(add_task(progress, days, "border flapped    "))
        found, _ = measure(demo)
    finally:
        built.close()
    rows = (row for row in budgets.table(watch) if not row.kept)
    return Shuttled(
        TIMES,
        len(diary.switched_ms),
        budgets.most(diary.switched_ms, budgets.DAY),
        [f"{row.what} {row.worst:g}, allowed {row.allowed:g}" for row in rows],
        found.refused_h,
        found.longest_silence_h,
        found.points_stored,
        found.lost,
    )
