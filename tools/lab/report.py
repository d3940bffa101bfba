"""The table on the terminal, and its figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.lab.compare import ATTAINABLE, GOAL, KNOWN_END, OURS, Row, floor, shortfalls
from tools.lab.experiments import Setting

SHOWN = 5
"""Tuned baselines in the table, the best ones; the JSON file has all."""


def show(console: Console, settings: Sequence[Setting], rows: Sequence[Row]) -> list[str]:
    """Print a table for each setting; return the requirements that ours misses."""
    missed = []
    for setting in settings:
        mine = [row for row in rows if row.setting == setting.name]
        console.print(_table(setting, mine))
        for budget in setting.budgets:
            for what in shortfalls(setting, mine, budget):
                missed.append(f"{setting.name}, {budget} J a day: {what}")
    for line in missed:
        console.print(f"[red]missed[/red] {line}", highlight=False)
    return missed


def _table(setting: Setting, rows: Sequence[Row]) -> Table:
    trips = max(row.trips for row in rows)
    what = "part of the bound (worst trip) trips that died"
    table = Table(title=f"{setting.name}: {what}, {trips} trips a budget")
    table.add_column("policy")
    for budget in setting.budgets:
        table.add_column(f"{budget} J/d", justify="right")
    for row_name, kind in _chosen(rows):
        cells = [_cell(setting, rows, row_name, kind, budget) for budget in setting.budgets]
        table.add_row(row_name if kind in ("ours", "hindsight") else f"{row_name}, {kind}", *cells)
    table.add_section()
    for name in dict.fromkeys(row.policy for row in rows if row.kind == "ablation"):
        table.add_row(name, *(_cell(setting, rows, name, "ablation", budget) for budget in setting.budgets))
    table.add_section()
    ours = [row for row in rows if row.policy == OURS]
    table.add_row("ours: points", *(f"{row.points:.0f}" for row in ours))
    table.add_row("ours: mAh a day", *(f"{row.mah_a_day:.1f}" for row in ours))
    table.add_row("ours: median age h", *(f"{row.median_age_h:.1f}" for row in ours))
    table.add_row("ours: connection attempts in 24 h", *(f"{row.attempts}" for row in ours))
    return table


def _chosen(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return the rows to print: hindsight, ours, the best tuned baselines over all budgets, and the most
    common shipped ones."""
    totals: dict[str, float] = {}
    for row in rows:
        if row.kind == "tuned":
            totals[row.policy] = totals.get(row.policy, 0.0) + row.ratio
    best = sorted(totals, key=lambda name: -totals[name])[:SHOWN]
    shipped = [("P1 hourly", "shipped"), ("P8 pacing table, scans", "shipped")]
    chosen = [(ATTAINABLE, "hindsight"), (OURS, "ours"), (KNOWN_END, "ours")]
    return chosen + [(name, "tuned") for name in best] + shipped


def _cell(setting: Setting, rows: Sequence[Row], name: str, kind: str, budget: int) -> str:
    here = {(row.policy, row.kind): row for row in rows if row.budget == budget}
    row = here[name, kind]
    if kind == "hindsight":
        return f"{row.ratio:.3f} ({row.worst:.2f})"
    text = f"{row.ratio:.3f} ({row.worst:.2f}) {row.died}"
    if name != OURS:
        return text
    least = floor(setting, budget)
    if least is not None and row.ratio < least:
        return f"[red]{text}[/red]"
    reached = row.ratio >= here[ATTAINABLE, "hindsight"].ratio - GOAL
    return f"[bold green]{text}[/bold green]" if reached else f"[bold]{text}[/bold]"


def write_json(path: Path, rows: Sequence[Row], missed: Sequence[str]) -> None:
    """Write all figures, also those of baselines that the table leaves out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"missed": list(missed), "rows": [asdict(row) for row in rows]}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
