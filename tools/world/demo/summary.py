"""The end of a demo in words: a table to look at, and a file with every figure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from tools.world.demo.figures import Border, Demand, Figures


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
    others: Mapping[str, Figures],
) -> None:
    """Write `target`: how to get this trip again, its figures, the `demands` on them, what fell short, and
    the figures of `others` on the same trip by name."""
    content = {
        "trip": trip,
        "figures": asdict(figures),
        "must_be": {demand.figure: demand.words for demand in demands},
        "killed": dict(kills),
        "fell_short": short,
        "beside": {name: asdict(each) for name, each in others.items()},
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
    yield "age of the newest position", f"median {hours(f.newest_age_h)}"
    yield "longest silence", f"{hours(f.longest_silence_h)}, the first bar after a border not counted"
    for each in f.back_h:
        yield "coverage back to first uplink", hours(each)
    yield "last heard of", f"{hours(f.silent_at_end_h)} before the end"
    yield "without service", f"{hours(f.refused_h)} in which networks were heard and none took the card"
    yield "profile switches", f"{f.switches}"
    yield "data barred", f"{f.bars} x"
    yield "border to first uplink", _borders(f.borders)
    if f.downloads_wanted:
        yield "the same, median", hours(f.border_h) if f.borders else "none passed"
        made = f"{f.downloads_ordered} ordered, {f.downloads_installed} installed"
        yield "profile downloads", f"{f.downloads_wanted} wanted, {made}"
        yield "joules a point", f"{sum(f.joules.values()) / max(1, f.points_stored):.2f}"
    yield "uploads", f"{f.uploads_tried} tried, {f.uploads_failed} failed"
    yield "payload", f"{f.bytes_up:,} bytes up, {f.bytes_down:,} down; {f.bytes_a_point:.0f} a point"
    yield "with TLS", f"{f.mb_a_month:.2f} MB a month in {f.connections} connections"
    yield "energy", _joules(f.joules)
    yield "", f"{f.mah_a_day:.1f} mAh a day at 3.6 V, {sum(f.joules.values()) / f.days:.0f} J a day"
    yield "the device's own account", f"{f.account_percent:.0f} % of that"
    yield "battery", f"{f.battery_left_percent:.0f} % left"
    lowest = f"{f.lowest_battery_mv / 1000:.2f} V at {f.lowest_battery_c:.0f} °C"
    yield "lowest voltage", f"{lowest}, where {f.lowest_left_percent:.0f} % of the charge could be had"
    if f.below_35_h:
        yield "colder than -35 °C", f"{f.below_35_h:.0f} h"
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
    parts = ", ".join(f"{part} {value:,.0f}" for part, value in joules.items())
    return f"{sum(joules.values()):,.0f} J: {parts}"
