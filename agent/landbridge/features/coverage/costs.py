"""What a report costs over each network, from what devices spent on it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import NamedTuple

LEAST_REPORTS = 3
"""Over a network, before their cost means something."""


class Report(NamedTuple):
    """A report that was answered: over which network, and mJ that it took."""

    plmn: int
    mj: float


def percent(reports: Iterable[Report]) -> Mapping[int, int]:
    """Percent of the cost over the cheapest network, by PLMN."""
    spent: dict[int, list[float]] = defaultdict(list)
    for report in reports:
        spent[report.plmn].append(report.mj)
    usual = {plmn: median(each) for plmn, each in spent.items() if len(each) >= LEAST_REPORTS}
    cheapest = min(usual.values(), default=1.0)
    return {plmn: round(100 * mj / cheapest) for plmn, mj in usual.items()}
