"""The stress rows of the lab, and what our policy makes of them."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from tools.lab import heldout
from tools.lab.costs import costs
from tools.lab.experiments import HELD_OUT, JUDGED_SEEDS, STRESS_SEEDS, STRESSES, TRAINING_SEEDS
from tools.lab.instances import SLOTS_A_DAY, Instance, draw
from tools.lab.physics import Mission, run
from tools.lab.pilot import Ours
from tools.lab.route_data import new_route
from tools.lab.stress import ROWS, dark_spells, disturbed


@functools.cache
def usual() -> Instance:
    """A trip that nothing disturbs: drawing it takes half a second, which collecting the tests need not."""
    return draw("n1", 7, "bg95")


@pytest.mark.parametrize(("row", "days"), [("dark under way", 5), ("sea", 9)])
def test_no_network_is_heard_for_so_many_days_and_the_container_moves(row, days):
    trip = disturbed(usual(), ROWS[row])
    first, end = max(dark_spells(trip), key=lambda spell: spell[1] - spell[0])
    assert days * SLOTS_A_DAY <= end - first < (days + 1) * SLOTS_A_DAY
    assert np.diff(trip.km).min() >= -1e-9 and trip.km[end] - trip.km[first] > 500
    assert len(trip.luck) == len(trip.country) == trip.rsrp.shape[1] == trip.slots


def test_a_stay_begins_with_the_arrival_and_is_known_only_there():
    trip = disturbed(usual(), ROWS["stay"])
    assert trip.arrived == usual().slots < trip.slots and not trip.moving[trip.arrived :].any()
    assert usual().arrived == usual().slots
    known, unknown = (new_route(usual().corridor, usual().networks, True, stay_h) for stay_h in (168.0, 0.0))
    assert len(known) == len(unknown) and known != unknown


def test_false_motion_is_detected_while_the_train_is_stationary():
    trip = disturbed(usual(), ROWS["false motion"])
    assert trip.felt is not None and (trip.felt >= trip.moving).all()
    assert 0.2 < trip.felt[~trip.moving].mean() < 0.4


def outcome(trip, budget, **rules):
    mission = Mission(
        *(costs("bg95"), budget * trip.days, trip.corridor, trip.networks),
        **{"reuses": True, "bumps": (0,) * trip.slots, "late": True} | rules,
    )
    return run(trip, Ours("bg95").factory(), mission)


def test_a_battery_weaker_than_declared_ends_sooner():
    whole, weak = (outcome(usual(), 65, part=part) for part in (1.0, 0.7))
    assert whole.died == usual().slots > weak.died
    holds_j = 0.7 * 65 * usual().days
    assert weak.used_j[weak.died - 1] < holds_j <= weak.used_j[weak.died], "the first slot that it cannot pay"


@pytest.mark.parametrize("budget", [65, 120])
@pytest.mark.parametrize("network_scan_j", [1.2, 4.9])
def test_days_without_a_network_do_not_spend_the_trips_energy(budget, network_scan_j):
    trip = disturbed(usual(), ROWS["sea"])
    first, end = max(dark_spells(trip), key=lambda spell: spell[1] - spell[0])
    mission = Mission(
        *(
            replace(costs("bg95"), network_scan_j=network_scan_j),
            budget * trip.days,
            trip.corridor,
            trip.networks,
        ),
        reuses=True,
        bumps=(0,) * trip.slots,
        late=True,
    )
    ran = run(trip, Ours("bg95").factory(), mission)
    searched_j = 25.0 * sum(first < slot < end for slot in ran.failures)
    searched_j += network_scan_j * sum(first < slot < end for slot in ran.network_scans)
    assert searched_j < 0.5 * budget * (end - first) / SLOTS_A_DAY
    assert ran.died == trip.slots
    assert min(slot for slot, _ in ran.uploads if slot >= end) - end <= SLOTS_A_DAY


def test_a_trip_that_is_short_of_energy_is_heard_of_to_its_end():
    ran = outcome(usual(), 40)
    assert ran.died == usual().slots
    heard = [slot for slot, _ in ran.uploads]
    assert max(np.diff([0, *heard, usual().slots])) <= 8 * SLOTS_A_DAY


def test_the_held_out_world_is_another_and_its_costs_are_its_own():
    one, other = heldout.draw(1), heldout.draw(2)
    assert one.name != other.name and not {"CN", "KZ", "RU", "PL", "DE"} & set(one.country + other.country)
    assert heldout.costs(one.name) != heldout.costs(other.name)
    assert heldout.draw.__wrapped__(1).km == pytest.approx(one.km)
    assert len(HELD_OUT) == len(STRESSES) + 1


def test_seeds_of_the_evaluation_never_train():
    assert not set(STRESS_SEEDS) & (set(TRAINING_SEEDS) | set(JUDGED_SEEDS))
