"""The harsh world: thinned coverage, spells, forbidden lists; the reference world is as it was."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from statistics import mean

import pytest

from tools.world.radio.coverage import STEP_KM, USABLE_DBM, Coverage
from tools.world.radio.harsh import HARSH, MILD, PERMANENT, SPELL_MS, Spells
from tools.world.radio.rules import CONGESTED_MS, CONGESTION, REFUSES, Admission
from tools.world.rail.route import Route
from tools.world.trip import DAY_MS, Trip

FOREIGN = "204046612345678"
ROUTE = Route.read()
PLMN = "26203"
SLOTS = range(0, 90 * DAY_MS, CONGESTED_MS)


def usable_fraction(coverage: Coverage) -> float:
    """Of the line, at the middle of each kilometre and without the wobble in time."""
    levels = (coverage.levels(km + STEP_KM * 2, 0).values() for km in range(int(ROUTE.length_km)))
    return mean(max(each) > USABLE_DBM for each in levels)


@pytest.mark.parametrize(("modem", "seed"), [("bg95", 1), ("sim7600", 2)])
def test_masts_are_removed_until_the_usable_fraction_is_left(modem: str, seed: int) -> None:
    assert usable_fraction(Coverage(ROUTE, modem, seed)) > 0.7
    assert 0.33 < usable_fraction(Coverage(ROUTE, modem, seed, 0.4)) < 0.43  # the wobble blurs the edge


def test_no_network_gets_better_when_masts_fall_away() -> None:
    full, thin = Coverage(ROUTE, "bg95", 1), Coverage(ROUTE, "bg95", 1, 0.4)
    for km in range(0, int(ROUTE.length_km), 50):
        before = full.levels(km, 0)
        assert all(level <= before[key] + 1e-6 for key, level in thin.levels(km, 0).items())


def test_spells_have_their_fraction_and_last_for_days() -> None:
    spells = Spells(1, "matter", 0.3)
    hours = [spells.on(hour * 3_600_000, PLMN) for hour in range(24 * 1_500)]
    assert mean(hours) == pytest.approx(0.3, abs=0.06)
    changes = sum(a != b for a, b in pairwise(hours))
    assert 0 < changes <= 1_500 * DAY_MS / SPELL_MS
    other = [spells.on(hour * 3_600_000, "26201") for hour in range(24 * 1_500)]
    assert hours != other
    assert not any(Spells(1, "matter", 0.0).on(hour * 3_600_000, PLMN) for hour in range(2_400))


def test_a_ban_has_one_permanent_cause_as_long_as_it_lasts() -> None:
    admission = Admission(1, replace(MILD, banned=0.3, congested=0.0))
    causes = [admission.cause(ms, FOREIGN, PLMN) for ms in SLOTS]
    banned = [cause for cause in causes if cause in PERMANENT]
    assert 0.1 < len(banned) / len(causes) < 0.6
    assert set(causes) <= {0, REFUSES[PLMN][1], *PERMANENT}
    changes = sum(a != b for a, b in pairwise(causes))
    assert changes <= 90 * DAY_MS / SPELL_MS + 1


def test_congestion_and_refusals_have_their_probability() -> None:
    admission = Admission(3, replace(MILD, congested=0.15))
    plmn = next(plmn for plmn in REFUSES if admission.cause(0, FOREIGN, plmn) in (0, CONGESTION))
    assert mean(admission.cause(ms, FOREIGN, plmn) == CONGESTION for ms in SLOTS) == pytest.approx(
        0.15, abs=0.03
    )
    mild = sum(Admission(seed).cause(0, FOREIGN, PLMN) == 11 for seed in range(200))
    harsh = sum(
        Admission(seed, replace(MILD, refused=0.8)).cause(0, FOREIGN, PLMN) == 11 for seed in range(200)
    )
    assert mild < 90
    assert harsh > 110


def test_the_forbidden_list_leaves_each_country_a_network_that_accepts() -> None:
    for seed in range(40):
        admission = Admission(seed, replace(HARSH, congested=0.0, banned=0.0))
        listed = admission.forbidden(HARSH.forbidden)
        assert len(listed) == len(set(listed)) == HARSH.forbidden
        for mcc in {plmn[:3] for plmn in REFUSES}:
            left = [plmn for plmn in REFUSES if plmn[:3] == mcc and plmn not in listed]
            assert any(admission.cause(0, FOREIGN, plmn) == 0 for plmn in left)


def test_a_dead_operator_registers_and_passes_nothing() -> None:
    trip = Trip(1, "bg95", 2, replace(MILD, dead=1.0))
    assert trip.attach_cause(FOREIGN, PLMN) in (0, CONGESTION, 11)
    assert not trip.data_open(FOREIGN, PLMN)
    assert Trip(1, "bg95", 2).data_open(FOREIGN, PLMN)


def test_the_reference_world_forbids_and_bans_nothing() -> None:
    trip = Trip(1, "bg95", 2)
    assert trip.forbidden == []
    assert Admission(1, MILD).cause(0, FOREIGN, PLMN) == Admission(1).cause(0, FOREIGN, PLMN)
