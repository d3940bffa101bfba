"""The energy cost of an uplink over each network, from the devices' energy accounts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import NamedTuple

LEAST_REPORTS = 3
"""Uplinks over a network from which its cost counts."""


class Report(NamedTuple):
    """An answered uplink: its network, and its energy in mJ."""

    plmn: int
    mj: float


def percent(reports: Iterable[Report]) -> Mapping[int, int]:
    """Return the cost by PLMN, in percent above the cheapest network."""
    spent: dict[int, list[float]] = defaultdict(list)
    for report in reports:
        spent[report.plmn].append(report.mj)
    usual = {plmn: median(each) for plmn, each in spent.items() if len(each) >= LEAST_REPORTS}
    cheapest = min(usual.values(), default=1.0)
    return {plmn: round(100 * mj / cheapest) for plmn, mj in usual.items()}
