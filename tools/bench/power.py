"""The recording of a power profiler: CSV with a header row naming time, current and voltage.

A profiler that only measures current writes no column voltage: its voltage is then given as an option.
Each name may carry its unit: `time_s`, `Timestamp(ms)`, `current (mA)`, `Voltage[V]`. Without a
unit it is seconds, ampere, volt. Time counts from any moment, or is Unix time.
"""

from __future__ import annotations

import csv
import re
import statistics
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from math import isfinite
from pathlib import Path

from tools.bench import BenchError

_NAMES = {"time": "time", "timestamp": "time", "current": "current", "voltage": "voltage"}
_UNITS = {
    "time": {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6},
    "current": {"": 1.0, "a": 1.0, "ma": 1e-3, "ua": 1e-6, "µa": 1e-6, "na": 1e-9},
    "voltage": {"": 1.0, "v": 1.0, "mv": 1e-3},
}
_HEAD = re.compile(r"([a-z]+)[\s_(\[]*([a-zµ]*)[)\]]?")
EXAMPLE = "time_s,current_a,voltage_v"


class Profile:
    """Power over time. A sample holds until the next one; the last has no duration."""

    def __init__(self, file: str, times_s: array[float], watts: array[float]) -> None:
        self.file = file
        self._times = times_s
        self._watts = watts
        steps = (w * (b - a) for w, a, b in zip(watts, times_s, times_s[1:], strict=False))
        self._joules = array("d", accumulate(steps, initial=0.0))

    @property
    def begin_s(self) -> float:
        """Time of the first sample."""
        return self._times[0]

    @property
    def end_s(self) -> float:
        """Time of the last sample."""
        return self._times[-1]

    def joules(self, begin_s: float, end_s: float) -> float:
        """Between two times; outside the recording there is nothing."""
        return self._until(end_s) - self._until(begin_s)

    def variance(self) -> float:
        """Of the means of each second, in square watts: pulses within a second tell no phases apart."""
        count = max(1, int(self.end_s - self.begin_s))
        means = [self.joules(self.begin_s + i, self.begin_s + i + 1) for i in range(count)]
        return statistics.pvariance(means)

    def _until(self, time_s: float) -> float:
        at = bisect_right(self._times, time_s) - 1
        if at < 0:
            return 0.0
        if at >= len(self._times) - 1:
            return self._joules[-1]
        return self._joules[at] + self._watts[at] * (time_s - self._times[at])


def load(path: Path, volts: float | None = None) -> Profile:
    """Read a recording; `volts` is the supply's voltage where the recording has no column voltage.

    Raises BenchError naming row and column when it is none, when no voltage is known, or when there are two.
    """
    times, watts = array("d"), array("d")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row, time_s, current_a, voltage_v in _rows(path, csv.reader(file), volts):
                if times and time_s < times[-1]:
                    raise BenchError(f"{path}: row {row}, column time: {time_s} s is before the row above")
                times.append(time_s)
                watts.append(current_a * voltage_v)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(
            f"{path}: cannot be read as CSV: {error}; export it from the profiler again"
        ) from error
    if len(times) < 2:
        raise BenchError(f"{path}: row {len(times) + 2}: too few samples, two at least")
    return Profile(str(path), times, watts)


def _rows(
    path: Path, lines: Iterator[list[str]], volts: float | None
) -> Iterator[tuple[int, float, float, float]]:
    columns = _columns(path, next(lines, []))
    if volts is None and "voltage" not in columns:
        raise BenchError(
            f"{path}: row 1: no column voltage; give the supply's voltage with --volts 3.8 or what it is"
        )
    if volts is not None and "voltage" in columns:
        raise BenchError(f"{path}: row 1: the recording has its own voltage; leave out --volts")
    for row, cells in enumerate(lines, 2):
        if not cells:
            continue
        values = []
        for name in columns:
            at, factor = columns[name]
            text = cells[at].strip() if at < len(cells) else ""
            try:
                values.append(float(text) * factor)
            except ValueError:
                raise BenchError(f"{path}: row {row}, column {name}: {text[:20]!r} is not a number") from None
            if not isfinite(values[-1]):
                raise BenchError(f"{path}: row {row}, column {name}: {text[:20]!r} is not a number")
        yield row, values[0], values[1], values[2] if volts is None else volts


def _columns(path: Path, head: list[str]) -> dict[str, tuple[int, float]]:
    """Name -> (position, factor to the base unit), in the order time, current, voltage if any."""
    found: dict[str, tuple[int, float]] = {}
    for at, cell in enumerate(head):
        match = _HEAD.fullmatch(cell.strip().lower())
        name = _NAMES.get(match[1]) if match else None
        if not match or name is None or name in found:
            continue
        factor = _UNITS[name].get(match[2])
        if factor is None:
            raise BenchError(f"{path}: row 1, column {name}: unit {match[2]!r} is not one of {_known(name)}")
        found[name] = (at, factor)
    for name in ("time", "current"):
        if name not in found:
            raise BenchError(f"{path}: row 1: no column {name}; the header row must be like {EXAMPLE}")
    return {name: found[name] for name in ("time", "current", "voltage") if name in found}


def _known(name: str) -> str:
    return ", ".join(unit for unit in _UNITS[name] if unit)
