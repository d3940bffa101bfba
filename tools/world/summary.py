"""The end of a demo in words: a table to look at, and a file with every figure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from tools.world.figures import Border, Demand, Figures


def table(title: str, figures: Figures, kills: Counter[str]) -> Table:
    """The figures in three groups: records, uploads, energy; `kills` by point, empty without chaos."""
    result = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    result.add_column(style="dim")
    result.add_column(justify="left")
    for name, value in _rows(figures, kills):
        result.add_row(name, value)
    return result


def write(
    target: Path,
    trip: dict[str, Any],
    figures: Figures,
    demands: Sequence[Demand],
    kills: Counter[str],
    short: list[str],
) -> None:
    """Write `target`: how to get this trip again, its figures, the `demands` on them, what fell short."""
    content = {
        "trip": trip,
        "figures": asdict(figures),
        "must_be": {demand.figure: demand.words for demand in demands},
        "killed": dict(kills),
        "fell_short": short,
    }
    target.write_text(json.dumps(content, indent=2) + "\n")


def _rows(figures: Figures, kills: Counter[str]) -> Iterator[tuple[str, str]]:
    f = figures
    yield "points taken", f"{f.points_taken}"
    yield "points stored", f"{f.points_stored}  ({f.points_a_day:.1f} a day)"
    yield "still in flash", f"{f.still_in_flash}"
    yield "thinned", f"{f.thinned}"
    yield "lost", f"{f.lost}"
    yield "duplicates", f"{f.duplicates_removed} removed, {f.duplicates_stored} stored"
    yield "not published", f"{f.outbox_left}"
    yield "age of a point when stored", f"median {hours(f.median_age_h)}, 95 % {hours(f.age_95_h)}"
    yield "longest silence", f"{hours(f.longest_silence_h)}, the first bar behind a border not counted"
    yield "data barred", f"{f.bars} x"
    yield "border to first uplink", _borders(f.borders)
    yield "uploads", f"{f.uploads_tried} tried, {f.uploads_failed} failed"
    yield "payload", f"{f.bytes_up:,} bytes up, {f.bytes_down:,} down; {f.bytes_a_point:.0f} a point"
    yield "energy", _joules(f.joules)
    yield "", f"{f.mah_a_day:.1f} mAh a day at 3.6 V"
    yield "battery", f"{f.battery_left_percent:.0f} % left"
    yield "lowest voltage", f"{f.lowest_battery_mv / 1000:.2f} V at {f.lowest_battery_c:.0f} °C"
    yield "radio on", f"{f.radio_on_h:.1f} h, {f.radio_waits_percent:.1f} % of it waiting for our code"
    yield "wakes", f"{f.wakes}; crashes {f.crashes}, brown-outs {f.brown_outs}"
    for point, count in kills.items():
        yield "killed", f"{count} x {point}"
    yield "stalls", f"{f.stalls}"
    yield "digest", f.digest[:16]


def hours(value: float | None) -> str:
    """Hours for people: minutes below one hour, "never" for None."""
    if value is None:
        return "never"
    return f"{value * 60:.0f} min" if value < 1 else f"{value:.1f} h"


def _borders(borders: list[Border]) -> str:
    """Each border with its time, three to a line."""
    each = [f"{border.name} {hours(border.first_uplink_h)}" for border in borders]
    lines = [", ".join(each[at : at + 3]) for at in range(0, len(each), 3)]
    return ",\n".join(lines) or "none passed"


def _joules(joules: dict[str, float]) -> str:
    parts = ", ".join(f"{part} {spent:,.0f}" for part, spent in joules.items())
    return f"{sum(joules.values()):,.0f} J: {parts}"
