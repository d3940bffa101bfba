"""The picture of a trip: the stored points on a map, and a strip of the device's state below it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patheffects import withStroke

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # after the choice of a backend without a screen

COUNTRIES = Path(__file__).parents[1] / "data" / "countries.geojson"
GAP_H = 6
"""A longer time between two fixes is drawn as a dashed line."""

INK, FAINT = "#27313b", "#8a949e"
SEA, LAND, BORDER = "#eef3f6", "#dfe3dc", "#ffffff"
SIGNAL = "plasma"
SIGNAL_DBM = (-125, -75)
# Parallels and centre of the Lambert conic projection: the middle of the route.
PARALLELS_DEG = (40.0, 55.0)
CENTRE_DEG = (48.0, 56.0)
WINDOW_MARGIN = 0.04


class Place(NamedTuple):
    """A named place, degrees."""

    name: str
    lat: float
    lon: float


class Mark(NamedTuple):
    """A stored fix: days since the trip began, degrees, and the level of the serving cell or None: RSRP
    on LTE, RXLEV on GSM."""

    day: float
    lat: float
    lon: float
    level_dbm: int | None


class State(NamedTuple):
    """The device at one moment: days since the trip began, V, C, records not acknowledged."""

    day: float
    battery_v: float
    temperature_c: float
    backlog: int


@dataclass
class Trail:
    """The contents of the picture."""

    title: str
    places: Sequence[Place]
    marks: Sequence[Mark]
    states: Sequence[State]
    countries: Sequence[tuple[float, str]]
    """(day of entering, country code), in order."""


def draw(trail: Trail, target: Path) -> None:
    """Write the picture as PNG to `target`."""
    figure = plt.figure(figsize=(13, 9.2), facecolor="white")
    grid = figure.add_gridspec(
        4, 1, height_ratios=(6.4, 1, 1, 1), hspace=0.14, left=0.06, right=0.98, top=0.93, bottom=0.06
    )
    figure.suptitle(trail.title, x=0.06, y=0.972, ha="left", fontsize=15, color=INK)
    _map(figure, figure.add_subplot(grid[0]), trail)
    _strip(figure, [figure.add_subplot(grid[row]) for row in (1, 2, 3)], trail)
    figure.savefig(target, dpi=110)
    plt.close(figure)


def _project(lat: Any, lon: Any) -> np.ndarray:
    """Lambert conformal conic: degrees to an array of (x, y), earth radii."""
    first, second = np.radians(PARALLELS_DEG)
    lat0, lon0 = np.radians(CENTRE_DEG)
    n = np.log(np.cos(first) / np.cos(second)) / np.log(_half(second) / _half(first))
    scale = np.cos(first) * _half(first) ** n / n
    radius = scale / _half(np.radians(np.asarray(lat, float))) ** n
    angle = n * (np.radians(np.asarray(lon, float)) - lon0)
    y = scale / _half(lat0) ** n - radius * np.cos(angle)
    return np.column_stack((np.ravel(radius * np.sin(angle)), np.ravel(y)))


def _half(lat: Any) -> Any:
    return np.tan(np.pi / 4 + lat / 2)


def _map(figure: Any, axes: Any, trail: Trail) -> None:
    axes.set_facecolor(SEA)
    axes.add_collection(
        PolyCollection(_outlines(), facecolor=LAND, edgecolor=BORDER, linewidth=0.9, zorder=1)
    )
    if trail.marks:
        _track(axes, trail.marks)
        _signal(figure, axes, trail.marks)
    _names(axes, trail.places)
    along = _project([place.lat for place in trail.places], [place.lon for place in trail.places])
    _frame(axes, along)


def _outlines() -> list[np.ndarray]:
    """Projected outer rings of the countries."""
    rings = []
    for feature in json.loads(COUNTRIES.read_text())["features"]:
        shape = feature["geometry"]
        parts = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
        for part in parts:
            ring = np.array(part[0])
            rings.append(_project(ring[:, 1], ring[:, 0]))
    return rings


def _track(axes: Any, marks: Sequence[Mark]) -> None:
    """Join the fixes: whole where they follow closely, dashed over a gap."""
    at = _project([mark.lat for mark in marks], [mark.lon for mark in marks])
    whole: list[Any] = []
    gaps: list[Any] = []
    for i, (earlier, later) in enumerate(pairwise(marks)):
        (gaps if (later.day - earlier.day) * 24 > GAP_H else whole).append(at[i : i + 2])
    axes.add_collection(LineCollection(whole, colors=INK, linewidths=1.1, alpha=0.55, zorder=2))
    axes.add_collection(LineCollection(gaps, colors=INK, linewidths=1.3, linestyles=(0, (2, 2)), zorder=2))


def _signal(figure: Any, axes: Any, marks: Sequence[Mark]) -> None:
    """The fixes, coloured by the level of the serving cell; hollow where the device did not look for one."""
    at = _project([mark.lat for mark in marks], [mark.lon for mark in marks])
    heard = np.array([mark.level_dbm is not None for mark in marks])
    axes.scatter(*at[~heard].T, s=9, facecolor="white", edgecolor=FAINT, linewidth=0.6, zorder=3)
    dots = axes.scatter(
        *at[heard].T,
        c=[mark.level_dbm for mark in marks if mark.level_dbm is not None],
        cmap=SIGNAL,
        vmin=SIGNAL_DBM[0],
        vmax=SIGNAL_DBM[1],
        s=17,
        linewidth=0,
        zorder=4,
    )
    bar = axes.inset_axes((0.735, 0.1, 0.24, 0.022))
    scale = figure.colorbar(dots, cax=bar, orientation="horizontal", extend="both")
    scale.outline.set_visible(False)
    bar.tick_params(labelsize=8, colors=INK, length=2)
    bar.set_title("level of the serving cell, dBm; hollow: not known", fontsize=8.5, color=INK, pad=4)


def _names(axes: Any, places: Sequence[Place]) -> None:
    """Places with their names, alternately above and below the route."""
    for i, place in enumerate(places):
        x, y = _project(place.lat, place.lon)[0]
        above = i % 2 == 0
        axes.plot(x, y, "o", ms=4.5, mfc="white", mec=INK, mew=1.1, zorder=5)
        label = axes.annotate(
            place.name,
            (x, y),
            xytext=(0, 9 if above else -9),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=9.5,
            color=INK,
            zorder=6,
        )
        label.set_path_effects([withStroke(linewidth=2.6, foreground="white", alpha=0.85)])


def _frame(axes: Any, along: np.ndarray) -> None:
    """Show the route with a margin, in the proportions of the axes."""
    low, high = along.min(axis=0), along.max(axis=0)
    width = (high[0] - low[0]) * (1 + 2 * WINDOW_MARGIN)
    box = axes.get_window_extent()
    height = width * box.height / box.width
    middle = (low + high) / 2
    axes.set_xlim(middle[0] - width / 2, middle[0] + width / 2)
    axes.set_ylim(middle[1] - height / 2, middle[1] + height / 2)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def _strip(figure: Any, rows: list[Any], trail: Trail) -> None:
    """Battery, temperature and backlog over time, with the countries as bands behind them."""
    days = [state.day for state in trail.states]
    rows[0].plot(days, [state.battery_v for state in trail.states], color="#2f6f9f", lw=1)
    rows[1].plot(days, [state.temperature_c for state in trail.states], color="#b5523b", lw=1)
    rows[1].axhline(0, color=FAINT, lw=0.6)
    rows[2].fill_between(days, [state.backlog for state in trail.states], step="post", color="#5d7f52", lw=0)
    end = max(days, default=1)
    for axes, name in zip(rows, ("battery, V", "°C", "backlog,\nrecords"), strict=True):
        axes.set_ylabel(name, fontsize=9, color=INK)
        axes.set_xlim(0, end)
        axes.tick_params(labelsize=8, colors=INK, length=2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.label_outer()
        _bands(axes, trail.countries, end)
    rows[2].set_ylim(bottom=0)
    rows[2].set_xlabel("days", fontsize=9, color=INK)
    figure.align_ylabels(rows)
    for start, stop, name in _spans(trail.countries, end):
        rows[0].text(
            (start + stop) / 2, 1.03, name, transform=rows[0].get_xaxis_transform(),
            ha="center", fontsize=8.5, color=FAINT,
        )  # fmt: skip


def _bands(axes: Any, countries: Sequence[tuple[float, str]], end: float) -> None:
    for i, (start, stop, _name) in enumerate(_spans(countries, end)):
        if i % 2 == 0:
            axes.axvspan(start, stop, color="#f3f5f2", zorder=0, lw=0)


def _spans(countries: Sequence[tuple[float, str]], end: float) -> list[tuple[float, float, str]]:
    """(day of entering, day of leaving, country)."""
    days = [day for day, _name in countries]
    return [(start, stop, name) for (start, name), stop in zip(countries, [*days[1:], end], strict=True)]
