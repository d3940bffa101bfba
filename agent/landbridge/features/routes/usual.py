"""The usual arrival of containers at the stations of a route, in hours after their departure."""

import statistics
from collections.abc import Sequence
from math import sqrt
from typing import Any

from landbridge.geo.route import Waypoint
from landbridge.geo.timetable import timetable

ENOUGH = 5
"""Earlier containers from which the band is taken; with fewer it is that of the timetable."""
_DECILE = 1.2816
"""Standard deviations to the 10th and the 90th percentile of a normal distribution."""
_BEGIN_KM = 100.0
"""A container whose first fix is further on the route was there at an unknown time before."""
Curve = Sequence[tuple[int, float]]
"""(Seconds, kilometre) of one container, in order."""


def usual(stations: Sequence[Waypoint], curves: Sequence[Curve]) -> list[dict[str, Any]]:
    """Return for each station the planned hour, and those by which 10 % and 90 % of the containers are there;
    `curves` are earlier trips."""
    ahead = timetable(stations)
    total_h, variance = ahead[0].after_h, ahead[0].variance  # from the departure on
    whole = [curve for curve in curves if curve and curve[0][1] <= _BEGIN_KM]
    found = []
    for station, each in zip(stations, ahead, strict=True):
        to_go_h, rest = each.arrival()
        planned_h = max(0.0, total_h - to_go_h)
        spread_h = _DECILE * sqrt(max(0.0, variance - rest))
        low_h, high_h = max(0.0, planned_h - spread_h), planned_h + spread_h
        hours = [hour for curve in whole if (hour := _reached_h(curve, station.km)) is not None]
        if len(hours) >= ENOUGH:
            deciles = statistics.quantiles(hours, n=10, method="inclusive")
            low_h, high_h = deciles[0], deciles[-1]
        found.append({
            "km": round(station.km), "planned_h": round(planned_h, 1), "early_h": round(low_h, 1),
            "late_h": round(high_h, 1),
        })  # fmt: skip
    return found


def _reached_h(curve: Curve, km: float) -> float | None:
    """Return the hours after its first point at which a curve reaches a kilometre."""
    before = None
    for at_s, here_km in curve:
        if here_km >= km:
            part = 1.0 if before is None or here_km == before[1] else (km - before[1]) / (here_km - before[1])
            since_s = at_s if before is None else before[0] + part * (at_s - before[0])
            return (since_s - curve[0][0]) / 3600
        before = (at_s, here_km)
    return None
