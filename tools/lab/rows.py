"""The stress suite: each row with ours, the best tuned baseline, deaths and silences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tools.lab.baselines import baselines
from tools.lab.costs import COSTS
from tools.lab.experiments import (
    HELD_OUT,
    SILENT_BEYOND_H,
    STRESS_FLOORS,
    STRESS_SEEDS,
    STRESSES,
    Job,
    Setting,
    spread,
    trained_on,
)
from tools.lab.instances import SLOT_H, Instance
from tools.lab.pacing import pacing_table
from tools.lab.physics import Factory, Run, run
from tools.lab.pilot import Ours
from tools.lab.stress import dark_spells
from tools.lab.tune import tuned_rule

ARRIVED = 0.1
"""Weight of the arrival in the utility that counts it: the old one less a tenth, and this for who is heard of
within a day of the arrival."""
LEAST_DARK = 96
"""Slots of a spell without a network that is evaluated."""
WORST_BELOW = 0.03
OURS = "ours"


@dataclass(frozen=True)
class RunOutcome:
    """One run; `beyond_h` is how many hours its silence lasted longer than the dark spell within it."""

    row: str
    policy: str
    budget: int
    utility: float
    arrived: float
    died: bool
    beyond_h: float


@dataclass(frozen=True)
class Evaluated:
    """All trips of a row at a budget; `arrived` is the utility that counts the arrival."""

    row: str
    budget: int
    trips: int
    utility: float
    worst: float
    arrived: float
    died: int
    beyond_h: float
    best: str
    best_utility: float
    best_worst: float
    short: list[str]


def evaluate(processes: int | None, figures: Path, console: Console, held_out: bool) -> bool:
    """Run all rows, print them, write them to `figures`; return whether each meets its requirement."""
    settings = HELD_OUT if held_out else STRESSES
    jobs = [Job(each, *trip) for each in settings for trip in _trips(each)]
    outcome = [each for found in spread(_live, jobs, "evaluating", processes) for each in found]
    rows = [_evaluated(setting, budget, outcome) for setting in settings for budget in setting.budgets]
    table = Table(
        "row", "J a day", "ours (worst)", "with arrival", "died", "beyond dark h", "best tuned (worst)"
    )
    for row in rows:
        ours, best = f"{row.utility:.3f} ({row.worst:.2f})", f"{row.best_utility:.3f} ({row.best_worst:.2f})"
        cells = (f"{row.budget}", ours, f"{row.arrived:.3f}", f"{row.died}", f"{row.beyond_h:.0f}")
        table.add_row(row.row, *cells, f"{best} {row.best}")
    console.print(table)
    short = [line for row in rows for line in row.short]
    for line in short:
        console.print(f"[red]missed[/red] {line}", highlight=False)
    figures.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"missed": short, "rows": [asdict(each) for each in rows]}, indent=1)
    figures.write_text(text + "\n", encoding="utf-8")
    return not short


def _trips(setting: Setting) -> list[tuple[str, int]]:
    if setting.held_out:
        return [("", 1_000 + seed) for seed in range(STRESS_SEEDS.start, STRESS_SEEDS.start + 15)]
    return [(route, seed) for seed in STRESS_SEEDS for route in ("w1", "n1", f"drawn-{seed}")]


def _live(job: Job) -> list[RunOutcome]:
    """Return the outcomes of ours and every tuned baseline on one trip."""
    setting = job.setting
    instance = setting.trip(job.route, job.seed)
    training = trained_on(job.route)
    ours = Ours(setting.modem, pacing_table(setting.modem, training), believes=COSTS[setting.modem])
    found = []
    for budget in setting.budgets:
        rules: list[tuple[str, Factory]] = [(OURS, ours.factory())]
        for baseline in baselines(setting.modem, trackers=False):
            rules.append((baseline.name, tuned_rule(setting, training, baseline, budget).factory()))
        for name, factory in rules:
            mission = setting.mission(instance, budget, known_end=name != OURS)
            found.append(_outcome(setting, instance, name, budget, run(instance, factory, mission)))
    return found


def _outcome(setting: Setting, instance: Instance, name: str, budget: int, ran: Run) -> RunOutcome:
    score = setting.score(instance, ran, budget)
    heard = [0, *(slot for slot, _ in ran.uploads if slot < ran.died), instance.slots]
    last = max((slot for slot in heard[:-1]), default=0)
    is_there = ran.died >= instance.arrived and last >= instance.arrived - 1 / SLOT_H * 24
    return RunOutcome(
        row=setting.name,
        policy=name,
        budget=budget,
        utility=score.utility,
        arrived=(1 - ARRIVED) * score.utility + ARRIVED * is_there,
        died=ran.died < instance.arrived,
        beyond_h=max((_beyond_h(heard, *spell) for spell in dark_spells(instance)), default=0.0),
    )


def _beyond_h(heard: Sequence[int], first: int, end: int) -> float:
    """Return how many hours the silence around a dark spell lasts longer than the spell; 0 for short
    spells."""
    if end - first < LEAST_DARK:
        return 0.0
    before = max(slot for slot in heard if slot <= first)
    after = min((slot for slot in heard if slot >= end), default=end)
    return (after - before - (end - first)) * SLOT_H


def _evaluated(setting: Setting, budget: int, outcome: Sequence[RunOutcome]) -> Evaluated:
    here = [each for each in outcome if each.row == setting.name and each.budget == budget]
    ours = [each for each in here if each.policy == OURS]
    others = {each.policy: [one.utility for one in here if one.policy == each.policy] for each in here}
    del others[OURS]
    best = max(others, key=lambda name: float(np.mean(others[name])))
    utility, worst = float(np.mean([each.utility for each in ours])), min(each.utility for each in ours)
    died, beyond_h = sum(each.died for each in ours), max(each.beyond_h for each in ours)
    best_utility, best_worst = float(np.mean(others[best])), min(others[best])
    short = []
    floors = STRESS_FLOORS.get(setting.name)
    least = dict(zip(setting.budgets, floors, strict=True))[budget] if floors else 0.0
    if utility < least:
        short.append(f"utility {utility:.3f}, {least:.2f} wanted")
    if utility < best_utility:
        short.append(f"utility {utility:.3f}, {best} {best_utility:.3f}")
    if worst < best_worst - WORST_BELOW:
        short.append(f"worst trip {worst:.2f}, {best} {best_worst:.2f}")
    if died and setting.part == 1:
        short.append(f"{died} died before the arrival")
    if beyond_h > SILENT_BEYOND_H:
        short.append(f"silent for {beyond_h:.0f} h beyond a dark spell")
    return Evaluated(
        row=setting.name,
        budget=budget,
        trips=len(ours),
        utility=utility,
        worst=worst,
        arrived=float(np.mean([each.arrived for each in ours])),
        died=died,
        beyond_h=beyond_h,
        best=best,
        best_utility=best_utility,
        best_worst=best_worst,
        short=[f"{setting.name}, {budget} J a day: {line}" for line in short],
    )
