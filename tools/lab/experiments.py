"""Experiments: the settings, budgets and trips that are compared; the work is spread over processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tools.lab import heldout
from tools.lab.bound import Bound
from tools.lab.costs import Costs, costs
from tools.lab.instances import Instance, draw
from tools.lab.physics import Mission, Run
from tools.lab.routes import is_in_world
from tools.lab.score import WEIGHTS, Score, Weights, score
from tools.lab.stress import ROWS, disturbed
from tools.lab.traces import read_trace

BUDGETS = {"bg95": (40, 50, 65, 80, 120, 200, 400), "sim7600": (120, 200, 300, 500, 800, 1500)}
"""Joules a day."""
STRESS_BUDGETS = (65, 80, 120)
FLOORS = {
    "bg95": (0.0, 0.0, 0.87, 0.94, 0.965, 0.98, 0.98),
    "sim7600": (0.62, 0.85, 0.88, 0.91, 0.96, 0.97),
}
"""The least part of the bound, by budget. Where a trip is short of energy it must live to its arrival, which
the bound does not count."""
ALIVE_FROM_J = 40
"""From this many J a day on, no trip may die."""
THIN_FLOORS = {15.0: 0.93, 25.0: 0.90}
"""From 120 J a day up, by the loss in dB."""
TRACE = "trace:"
"""Before the path of a recording, in place of a route."""
TRAINING_SEEDS = range(101, 111)
JUDGED_SEEDS = range(1_001, 1_019)
STRESS_SEEDS, STRESS_TRAINED = range(3_001, 3_006), 3
"""Of the stress suite: evaluated on both known routes and on routes drawn; training seeds per route."""

Work = TypeVar("Work")
Result = TypeVar("Result")


class Setting(NamedTuple):
    """A world for all policies.

    `network_scan_j`: another cost of a network scan in J; `loss_db`: all networks are weaker by this many dB;
    `places`: whether distances to places are known; `stacked`: stays between stacks; `trackers`: B1 to B14
    compete, too; `reuses`: a reused position counts as a point; `cold`, `russia`: rules of `physics.Mission`;
    `weights` of the utility; `every`: one trip out of this many is run; `stress`: a row of `stress.ROWS`;
    `held_out`: trips of `heldout`, whose costs are unknown.
    """

    name: str
    modem: str
    network_scan_j: float | None = None
    loss_db: float = 0.0
    places: bool = True
    stacked: bool = False
    trackers: bool = False
    reuses: bool = False
    cold: bool = False
    russia: bool = False
    weights: Weights = WEIGHTS
    every: int = 1
    stress: str = ""
    held_out: bool = False

    @property
    def costs(self) -> Costs:
        """Return the costs of the device."""
        return costs(self.modem, self.network_scan_j)

    @property
    def budgets(self) -> tuple[int, ...]:
        """Return the budgets in joules a day."""
        return STRESS_BUDGETS if self.stress else BUDGETS[self.modem]

    def trip(self, route: str, seed: int) -> Instance:
        """Return a trip of this world."""
        if route.startswith(TRACE):
            instance = read_trace(Path(route.removeprefix(TRACE)))
        elif self.held_out:
            instance = heldout.draw(seed)
        elif not is_in_world(route):
            instance = heldout.draw(seed, route)
        else:
            instance = draw(route, seed, self.modem, self.stacked)
        if self.stress:
            instance = disturbed(instance, ROWS[self.stress])
        return instance.thinned(self.loss_db) if self.loss_db else instance

    def mission(self, instance: Instance, budget: float, known_end: bool = False) -> Mission:
        """Return a mission with `budget` joules a day for a trip; `known_end`: its duration is known."""
        days = instance.days if known_end else None
        return Mission(
            self.costs_of(instance),
            budget * instance.days,
            instance.corridor,
            instance.networks,
            days,
            self.places,
            self.reuses,
            cold=self.cold,
            russia=self.russia,
            bumps=(0,) * instance.slots,
            late=True,
            part=self.part,
            stay_h=ROWS[self.stress].stay_h if self.stress else 0.0,
        )

    def costs_of(self, instance: Instance) -> Costs:
        """Return the costs on a trip; in a setting with another cost of a network scan, that one."""
        if not self.held_out:
            return self.costs
        found = heldout.costs(instance.name)
        return found if self.network_scan_j is None else replace(found, network_scan_j=self.network_scan_j)

    @property
    def part(self) -> float:
        """Return the part of the declared energy that the battery really gives."""
        return ROWS[self.stress].part if self.stress else 1.0

    def bounds(self, instance: Instance, bound: Bound) -> list[float]:
        """Return the bound on utility by budget."""
        limit = bound.cold_utility if self.cold else bound.utility
        return [limit(budget * instance.days) for budget in self.budgets]

    def score(self, instance: Instance, outcome: Run, budget: float) -> Score:
        """Return the score of a run with `budget` joules a day."""
        return score(instance, outcome, self.part * budget * instance.days, self.weights, self.cold)


class Job(NamedTuple):
    """One trip of one setting."""

    setting: Setting
    route: str
    seed: int


SETTINGS = (
    Setting("BG95", "bg95", trackers=True),
    Setting("BG95, probe 6 J", "bg95", network_scan_j=6.0),
    Setting("SIM7600", "sim7600", trackers=True),
    Setting("BG95, -15 dB", "bg95", loss_db=15.0),
    Setting("BG95, -25 dB", "bg95", loss_db=25.0),
    Setting("BG95, no places", "bg95", places=False),
    Setting("BG95, stacks", "bg95", stacked=True),
    Setting("BG95, position reused", "bg95", trackers=True, reuses=True),
    Setting("SIM7600, position reused", "sim7600", reuses=True, every=3),
    Setting("BG95, position reused, Russia", "bg95", reuses=True, russia=True, every=3),
    Setting("BG95, position reused, cold", "bg95", reuses=True, cold=True, every=3),
    Setting("BG95, position reused, points", "bg95", reuses=True, weights=(0.6, 0.2, 0.2), every=3),
    Setting("BG95, position reused, shape", "bg95", reuses=True, weights=(0.2, 0.6, 0.2), every=3),
    Setting("BG95, position reused, fresh", "bg95", reuses=True, weights=(0.2, 0.2, 0.6), every=3),
)
STRESSES = tuple(
    Setting(name, "bg95", network_scan_j=network_scan_j, reuses=True, stress=stress)
    for name, stress, network_scan_j in (
        ("dark under way", "dark under way", None),
        ("longest stop dark", "longest stop dark", None),
        ("sea, scan 1.2 J", "sea", 1.2),
        ("sea, scan 4.9 J", "sea", 4.9),
        ("false motion", "false motion", None),
        ("weak battery", "weak battery", None),
        ("twice the dwells", "twice the dwells", None),
        ("stay", "stay", None),
    )
)
"""The stress suite: reused positions count, trips and energy as in the rows of `stress`."""
HELD_OUT = (
    Setting("held out", "bg95", reuses=True, held_out=True),
    *(each._replace(name=f"held out, {each.name}", held_out=True) for each in STRESSES),
)
"""The same rows in a world that is not the one of the training."""
STRESS_FLOORS = {
    "dark under way": (0.86, 0.90, 0.93),
    "longest stop dark": (0.86, 0.90, 0.93),
    "sea, scan 1.2 J": (0.85, 0.88, 0.91),
    "sea, scan 4.9 J": (0.80, 0.84, 0.89),
    "false motion": (0.85, 0.91, 0.95),
    "weak battery": (0.78, 0.85, 0.90),
    "twice the dwells": (0.94, 0.96, 0.98),
    "stay": (0.88, 0.92, 0.95),
}
"""The least utility by STRESS_BUDGETS."""
SILENT_BEYOND_H = 12.0
"""A silence may be longer than a dark spell by this much."""
TUNED_LIKE = {
    "BG95, no places": "BG95",
    "BG95, stacks": "BG95",
    "SIM7600, position reused": "SIM7600",
    **{each.name: "BG95, position reused" for each in SETTINGS if each.every > 1 and each.modem == "bg95"},
}
"""Settings whose baselines are tuned in another."""
TUNED_LIKE["held out"] = "BG95, position reused"
TUNED_LIKE |= {each.name: each.name.removeprefix("held out, ") for each in HELD_OUT[1:]}


def evaluation_trips(count: int) -> list[tuple[str, int]]:
    """Return `count` trips on either known route and on routes drawn from a seed; none was used in
    training."""
    trips = [(route, seed) for seed in JUDGED_SEEDS[:count] for route in ("w1", "n1")]
    return trips + [(f"drawn-{seed}", seed) for seed in JUDGED_SEEDS[:count]]


def trained_on(route: str) -> str:
    """Return the training set for a trip: the other known route, or both for a drawn route."""
    return {"w1": "n1", "n1": "w1"}.get(route, "both")


def spread(
    work: Callable[[Work], Result], jobs: Sequence[Work], title: str, processes: int | None = None
) -> list[Result]:
    """Return the results of `work` for all jobs, in order, computed on all cores with a progress bar."""
    processes = processes or os.cpu_count() or 1
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=len(jobs))

        def counted(results: Iterable[Result]) -> Iterable[Result]:
            for result in results:
                progress.advance(task)
                yield result

        if processes == 1:
            return list(counted(map(work, jobs)))
        with ProcessPoolExecutor(processes) as pool:
            return list(counted(pool.map(work, jobs)))
