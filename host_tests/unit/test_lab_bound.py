from itertools import product

import numpy as np
import pytest

from host_tests.support.lab_trips import live, trip
from tools.lab.baselines import baselines
from tools.lab.bound import LONGEST_GAP, PRICES, Bound, fix_values
from tools.lab.costs import costs
from tools.lab.experiments import SETTINGS
from tools.lab.hindsight import attainable
from tools.lab.instances import draw
from tools.lab.physics import Mission, run
from tools.lab.pilot import Ours
from tools.lab.score import score

pytestmark = pytest.mark.slow

BG95 = costs("bg95")
BUDGETS = (40, 65, 120, 400)


@pytest.fixture(scope="module")
def travelled():
    instance = draw("w1", 7, "bg95")
    return instance, Bound(instance, BG95)


def test_no_plan_of_a_small_trip_beats_the_bound():
    """Every plan there is: fix, upload, both or nothing in each of five slots."""
    rng = np.random.default_rng(3)
    for _ in range(4):
        km = np.cumsum(rng.choice([0.0, 18.0, 25.0], 5))
        instance = trip(km, rng.uniform(-128, -80, (2, 5)), factor=[1.0, 2.5])
        bound = Bound(instance, BG95)
        runs = []
        for plan in product(range(4), repeat=5):

            def act(device, plan=plan):
                if plan[device.slot] & 1:
                    device.fix()
                if plan[device.slot] & 2:
                    device.upload()

            outcome = live(instance, act)
            runs.append((outcome, score(instance, outcome).utility))
        for budget_j in (5.0, 15.0, 25.0, 40.0, 80.0):
            best = max(
                score(instance, outcome, budget_j).utility if outcome.used_j[-1] > budget_j else utility
                for outcome, utility in runs
            )
            assert best <= bound.utility(budget_j) + 1e-6  # of 32-bit floats
            assert bound.utility(budget_j) <= 1.0


def test_the_bound_is_tight_on_a_small_trip():
    """With attach free and cheap fixes the relaxation is all but exact."""
    instance = trip([0.0, 20.0, 40.0, 60.0, 80.0, 100.0], [[-80.0] * 6])
    outcome = live(instance, lambda device: (device.fix(), device.upload()))
    assert score(instance, outcome).utility == pytest.approx(1.0)
    assert Bound(instance, BG95).utility(1e4) == pytest.approx(1.0)


def test_a_policy_that_spends_well_and_dies_early_does_not_beat_the_bound():
    instance = trip([10.0] * 480, [[-80.0] * 480])
    outcome = live(instance, lambda device: (device.fix(), device.upload()))
    asleep_j = 480 * BG95.sleep_slot_j
    for budget_j in (0.4 * asleep_j, 0.9 * asleep_j):
        reached = score(instance, outcome, budget_j)
        assert reached.died and reached.utility > 0.35
        assert reached.utility <= Bound(instance, BG95).utility(budget_j)


def test_more_energy_never_lowers_the_bound(travelled):
    instance, bound = travelled
    values = [bound.utility(budget * instance.days) for budget in range(20, 200, 5)]
    assert values == sorted(values)
    assert values[0] < 0.7 and values[-1] > 0.95


def test_withheld_energy_lowers_the_bound(travelled):
    instance, bound = travelled
    for budget in (50, 80):
        assert bound.cold_utility(budget * instance.days) < bound.utility(budget * instance.days)


def test_no_policy_exceeds_the_bound_nor_the_replay_of_its_plan(travelled):
    instance, bound = travelled
    limits = [bound.utility(budget * instance.days) for budget in BUDGETS]
    rules = [each.shipped for each in baselines("bg95")] + [Ours("bg95")]
    for rule, (budget, limit) in product(rules, zip(BUDGETS, limits, strict=True)):
        budget_j = budget * instance.days
        mission = Mission(BG95, budget_j, instance.corridor, instance.networks, instance.days)
        outcome = run(instance, rule.factory(), mission)
        assert score(instance, outcome).utility <= limit
        assert outcome.used_j[min(outcome.died, instance.slots - 1) - 1] <= budget_j
    reached = attainable(SETTINGS[0], instance, bound)
    limits = SETTINGS[0].bounds(instance, bound)
    assert all(low <= high for low, high in zip(reached, limits, strict=True))
    assert reached[-1] > 0.95 * limits[-1]


def test_the_plan_of_a_price_is_worth_its_path(travelled):
    instance, _ = travelled
    small = draw("n1", 2, "bg95")
    values = fix_values(small)
    plan = Bound(small, BG95).plan(20)
    gaps = np.diff(plan.fixes)
    assert (gaps > 0).all() and gaps.max() <= LONGEST_GAP
    assert np.isfinite([values[j, j - i - 1] for i, j in zip(plan.fixes, plan.fixes[1:], strict=False)]).all()
    assert len(plan.uploads) > len(Bound(small, BG95).plan(len(PRICES) - 5).uploads)
    assert instance.slots > 0
