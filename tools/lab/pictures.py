"""The report with plots: the ratio over the budget, one trip hour by hour, points on the map."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tools.lab.compare import ATTAINABLE, OURS, Row, floor
from tools.lab.experiments import Setting, trained_on
from tools.lab.instances import SLOTS_A_DAY, Instance
from tools.lab.pacing import pacing_table
from tools.lab.physics import Factory, Run, run
from tools.lab.pilot import Ours
from tools.lab.reference import Periodic
from tools.world.demo.picture import COUNTRIES
from tools.world.radio.coverage import USABLE_DBM

matplotlib.use("Agg")

Ring = NDArray[np.float64]
"""Rows of (longitude, latitude)."""

COLOURS = ("#b1306f", "#1f77b4", "#2a9d55", "#e08a1e", "#6b5bb5", "#8a949e")
INK, FAINT, LAND = "#27313b", "#8a949e", "#dfe3dc"
DRAWN_BUDGET = {"bg95": 80, "sim7600": 500}


def write_report(
    path: Path, settings: Sequence[Setting], rows: Sequence[Row], missed: Sequence[str], route: str, seed: int
) -> None:
    """Write a self-contained HTML page; `route` and `seed` are the trip that is drawn."""
    parts = ["<h1>Scheduler lab</h1>", _misses(missed)]
    for setting in settings:
        mine = [row for row in rows if row.setting == setting.name]
        parts += [f"<h2>{html.escape(setting.name)}</h2>", _image(_curves(setting, mine))]
        parts.append(_table(setting, mine))
    setting = settings[0]
    instance = setting.trip(route, seed)
    budget = DRAWN_BUDGET[setting.modem]
    policies: dict[str, Factory] = {
        "ours": Ours(setting.modem, pacing_table(setting.modem, trained_on(route))).factory(),
        "hourly": Periodic(1, 1).factory(),
        "2 h / 12 h": Periodic(2, 12).factory(),
    }
    outcome = {
        name: run(instance, policy, setting.mission(instance, budget)) for name, policy in policies.items()
    }
    parts += [f"<h2>{html.escape(instance.name)}, {setting.name}, {budget} J a day: ours, hour by hour</h2>"]
    parts += [_image(_hours(instance, outcome["ours"], budget)), "<h2>Points that arrived</h2>"]
    parts += [_image(_map(instance, outcome))]
    page = "<!doctype html><meta charset=utf-8><title>Scheduler lab</title>" + _STYLE + "".join(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page + "\n", encoding="utf-8")


_STYLE = """<style>body{font:15px sans-serif;color:#27313b;max-width:1200px;margin:2em auto}
img{max-width:100%}table{border-collapse:collapse;font-size:12px}td,th{padding:2px 8px;text-align:right}
td:first-child{text-align:left}tr:nth-child(even){background:#f2f4f6}.missed{color:#b00020}</style>"""


def _misses(missed: Sequence[str]) -> str:
    if not missed:
        return "<p>Ours keeps every floor of these settings.</p>"
    return "".join(f"<p class=missed>missed: {html.escape(each)}</p>" for each in missed)


def _table(setting: Setting, rows: Sequence[Row]) -> str:
    head = "".join(f"<th>{budget} J/d" for budget in setting.budgets)
    cells = {(row.policy, row.kind, row.budget): row for row in rows}
    lines = []
    for policy, kind in dict.fromkeys((row.policy, row.kind) for row in rows):
        figures = [cells[policy, kind, budget] for budget in setting.budgets]
        texts = (
            f"<td>{row.ratio:.3f} ({row.worst:.2f}) {row.died}<br>{row.points:.0f} points, "
            f"{row.mah_a_day:.1f} mAh/d, {row.median_age_h:.1f} h"
            for row in figures
        )
        lines.append(f"<tr><td>{html.escape(policy)}, {kind}{''.join(texts)}")
    note = "Part of the bound (worst trip) trips that died; points, mAh a day, median age."
    return f"<p>{note}</p><table><tr><th>policy{head}{''.join(lines)}</table>"


def _curves(setting: Setting, rows: Sequence[Row]) -> Figure:
    tuned: dict[str, list[float]] = {}
    for row in rows:
        if row.kind == "tuned":
            tuned.setdefault(row.policy, []).append(row.ratio)
    best = sorted(tuned, key=lambda name: -sum(tuned[name]))[:3]
    chosen = [(OURS, "ours"), (ATTAINABLE, "hindsight"), *((name, "tuned") for name in best)]
    chosen.append(("P1 hourly", "shipped"))
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots()
    for (policy, kind), colour in zip(chosen, COLOURS, strict=True):
        mine = [row for row in rows if row.policy == policy and row.kind == kind]
        style = "--" if kind == "hindsight" else "-"
        label = policy if kind in ("ours", "hindsight") else f"{policy}, {kind}"
        axes.plot(
            [r.budget for r in mine], [r.ratio for r in mine], style, color=colour, marker=".", label=label
        )
    axes.set_xscale("log")
    axes.set_xticks(setting.budgets, [str(budget) for budget in setting.budgets])
    axes.minorticks_off()
    floors = [(budget, floor(setting, budget)) for budget in setting.budgets]
    kept = [(budget, least) for budget, least in floors if least is not None]
    if kept:
        axes.plot(*zip(*kept, strict=True), "_", color=INK, markersize=16, label="floor")
    worst = [row for row in rows if row.policy == OURS]
    axes.plot(setting.budgets, [row.worst for row in worst], ":", color=COLOURS[0], label="ours, worst trip")
    axes.set(xlabel="J a day", ylabel="part of the clairvoyant bound", ylim=(0.2, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _hours(instance: Instance, outcome: Run, budget: float) -> Figure:
    days = np.arange(instance.slots) / SLOTS_A_DAY
    figure = Figure(figsize=(12, 7), layout="constrained")
    line, radio, acts, energy = figure.subplots(4, 1, sharex=True, height_ratios=(2, 1.5, 1, 1.5))
    line.plot(days, instance.km, color=INK, linewidth=1)
    line.plot(
        days[outcome.fixes], instance.km[outcome.fixes], ".", color=COLOURS[0], markersize=3, label="point"
    )
    line.set_ylabel("km")
    line.legend(fontsize=8)
    radio.fill_between(days, 0, 1, where=instance.moving, color=LAND, step="post", label="moving")
    radio.legend(loc="upper right", fontsize=8)
    radio.set_yticks([])
    level = radio.twinx()
    level.plot(days, np.maximum(instance.rsrp.max(axis=0), -140), color=COLOURS[1], linewidth=0.6)
    level.axhline(USABLE_DBM, color=FAINT, linewidth=0.8)
    level.set_ylabel("best network, dBm")
    for height, (name, slots) in enumerate(
        (
            ("fix", outcome.fixes),
            ("upload", [slot for slot, _ in outcome.uploads]),
            ("network scan", outcome.network_scans),
            ("failure", outcome.failures),
        )
    ):
        acts.plot(days[slots], np.full(len(slots), height), "|", color=COLOURS[height], markersize=9)
        acts.text(-0.2, height, name, ha="right", va="center", fontsize=8)
    acts.set(yticks=[], ylim=(-0.6, 3.6))
    energy.plot(days[: len(outcome.used_j)], outcome.used_j, color=COLOURS[3], label="drawn")
    energy.plot([0, instance.days], [0, budget * instance.days], "--", color=FAINT, label="budget, evenly")
    energy.legend(fontsize=8)
    energy.set(xlabel="day", ylabel="J drawn")
    return figure


def _map(instance: Instance, outcome: dict[str, Run]) -> Figure:
    figure = Figure(figsize=(12, 9), layout="constrained")
    for axes, (name, each), colour in zip(figure.subplots(3, 1), outcome.items(), COLOURS, strict=False):
        for ring in _rings():
            axes.fill(ring[:, 0], ring[:, 1], facecolor=LAND, edgecolor="white", linewidth=0.6)
        axes.plot(instance.lon, instance.lat, color=FAINT, linewidth=0.6)
        last = each.uploads[-1][1] if each.uploads else -1
        points = [fix for fix in each.fixes if fix <= last]
        axes.plot(instance.lon[points], instance.lat[points], ".", color=colour, markersize=3)
        end = "" if each.died == instance.slots else f", energy gone on day {each.died / SLOTS_A_DAY:.0f}"
        axes.set_title(f"{name}: {len(points)} points{end}", fontsize=10, color=INK)
        axes.set(xlim=(instance.lon.min() - 3, instance.lon.max() + 3), xticks=[], yticks=[])
        axes.set(ylim=(instance.lat.min() - 3, instance.lat.max() + 3), facecolor="#eef3f6")
        axes.set_aspect(1.6)
    return figure


def _rings() -> Iterator[Ring]:
    """Return the outlines of countries."""
    for shape in json.loads(COUNTRIES.read_text(encoding="utf-8"))["features"]:
        outline = shape["geometry"]["coordinates"]
        polygons = outline if shape["geometry"]["type"] == "MultiPolygon" else [outline]
        for polygon in polygons:
            yield np.array(polygon[0])


def _image(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return f'<img src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
