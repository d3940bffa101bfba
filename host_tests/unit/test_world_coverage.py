"""Coverage along the route against the measured German main line and the known gaps."""

from __future__ import annotations

import functools
from statistics import mean, median

import numpy as np
import pytest

from tools.modem.network.air import Cell
from tools.world.radio.coverage import AUDIBLE_DBM, GSM_ABOVE_RSRP_DB, STEP_KM, USABLE_DBM, Coverage
from tools.world.radio.sites import country_span
from tools.world.rail.route import Route

ROUTE = Route.read()
SEEDS = range(1, 7)


@functools.cache
def coverage(modem: str, seed: int) -> Coverage:
    return Coverage(ROUTE, modem, seed)


def usable(modem: str, seed: int, country: str) -> list[bool]:
    """One value a kilometre: whether some network serves."""
    first, last = country_span(ROUTE, country)
    kms = range(int(first) + 1, int(last))
    return [max(coverage(modem, seed).levels(km, 0).values()) > USABLE_DBM for km in kms]


def longest_gap_km(served: list[bool]) -> int:
    longest = gap = 0
    for here in served:
        gap = 0 if here else gap + 1
        longest = max(longest, gap)
    return longest


# Usable shares of the reference world and what is known of the railways' own coverage.
@pytest.mark.parametrize(
    ("modem", "country", "least", "most"),
    [
        ("bg95", "KZ", 0.43, 0.60),
        ("sim7600", "KZ", 0.40, 0.60),
        ("bg95", "RU", 0.82, 0.94),
        ("sim7600", "RU", 0.80, 0.94),
        ("bg95", "CN", 0.75, 0.92),
        ("sim7600", "CN", 0.97, 1.0),
        ("bg95", "BY", 0.90, 1.0),
        ("bg95", "PL", 0.97, 1.0),
        ("sim7600", "DE", 0.99, 1.0),
    ],
)
def test_the_usable_fraction_of_the_route(modem: str, country: str, least: float, most: float) -> None:
    shares = [mean(usable(modem, seed, country)) for seed in SEEDS]
    assert least <= mean(shares) <= most


def test_gaps_are_long_in_the_steppe_and_short_in_europe() -> None:
    steppe = [longest_gap_km(usable("bg95", seed, "KZ")) for seed in SEEDS]
    assert 80 <= median(steppe) and max(steppe) <= 465
    assert max(longest_gap_km(usable("bg95", seed, "RU")) for seed in SEEDS) < 80
    assert max(longest_gap_km(usable("bg95", seed, "PL")) for seed in SEEDS) < 10


def test_one_german_operator_matches_the_measured_main_line() -> None:
    first, last = country_span(ROUTE, "DE")
    levels = []
    for seed in range(1, 5):
        for plmn in ("26201", "26202", "26203"):
            kms = np.arange(first, last, STEP_KM)
            levels.append([coverage("sim7600", seed).levels(km, 0)[plmn, "lte"] for km in kms])
    quantiles = np.quantile(levels, [0.05, 0.25, 0.50, 0.75, 0.95])
    assert quantiles == pytest.approx([-120, -108, -97, -82, -71], abs=6)
    assert 0.05 < np.mean(np.array(levels) < -115) < 0.15
    for lag_km, measured in ((1.0, 0.60), (2.0, 0.45), (5.0, 0.23), (10.0, 0.11)):
        lag = int(lag_km / STEP_KM)
        correlation = mean(np.corrcoef(row[:-lag], row[lag:])[0, 1] for row in levels)
        assert correlation == pytest.approx(measured, abs=0.1), lag_km


def walk(modem: str) -> list[tuple[float, list[Cell]]]:
    return [(km, coverage(modem, 1).cells(km, 0)) for km in np.arange(0, ROUTE.length_km, 7.3)]


@pytest.mark.parametrize("modem", ["bg95", "sim7600"])
def test_cells_are_sorted_audible_and_of_the_country(modem: str) -> None:
    codes = {"CN": "460", "KZ": "401", "RU": "250", "BY": "257", "PL": "260", "DE": "262"}
    kinds = set()
    for km, cells in walk(modem):
        assert [cell.rsrp_dbm for cell in cells] == sorted((c.rsrp_dbm for c in cells), reverse=True)
        for cell in cells:
            assert cell.plmn.startswith(codes[ROUTE.country(km)])
            floor = AUDIBLE_DBM + (GSM_ABOVE_RSRP_DB if cell.rat == "gsm" else 0)
            assert cell.rsrp_dbm >= round(floor)
            assert 0 < cell.tac < 0xFFFE
            assert 0 < cell.cell_id < (1 << 16 if cell.rat == "gsm" else 1 << 28)
            kinds.add((ROUTE.country(km), cell.rat))
    if modem == "sim7600":
        assert {kind for _, kind in kinds} == {"lte"}
    else:
        expected = {(c, "gsm") for c in codes} | {("PL", "emtc"), ("DE", "emtc"), ("DE", "nbiot")}
        assert kinds == expected


def test_a_place_has_the_same_cells_in_every_trip() -> None:
    areas: dict[tuple[str, int], set[int]] = {}
    cells: dict[int, set[tuple[str, int]]] = {}
    for seed in (1, 2, 3):
        for km in range(9_500, 10_000, 5):
            for cell in coverage("sim7600", seed).cells(km, 0):
                areas.setdefault((cell.plmn, int(km / 90)), set()).add(cell.tac)
                cells.setdefault(seed, set()).add((cell.plmn, cell.cell_id))
    assert all(len(tacs) == 1 for tacs in areas.values())
    assert len(cells[1] & cells[2]) > 0.2 * len(cells[1])


def test_the_level_is_constant_with_a_stationary_train_for_half_an_hour() -> None:
    yard = coverage("sim7600", 1)
    assert yard.cells(9_538, 0) == yard.cells(9_538, 1_799_999)
    assert yard.levels(9_538, 0) != yard.levels(9_538, 1_800_000)
