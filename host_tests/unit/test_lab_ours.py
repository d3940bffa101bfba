from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_tests.support.lab_trips import trip
from tools.lab.costs import costs
from tools.lab.experiments import SETTINGS
from tools.lab.instances import draw
from tools.lab.pacing import Level, pacing_table
from tools.lab.physics import Mission, run
from tools.lab.pilot import Ours
from tools.lab.plan import pacing as shipped
from tools.lab.route_data import RouteData, new_route
from tools.lab.routes import corridor
from tools.lab.score import score
from tools.lab.train import monotone


@pytest.mark.parametrize("modem", ["bg95", "sim7600"])
@pytest.mark.parametrize("training", ["w1", "n1", "both"])
def test_pacing_tables_are_monotone(modem, training):
    rows = pacing_table(modem, training)
    assert monotone(rows) and [row.rate for row in rows] == sorted(row.rate for row in rows)


@given(st.integers(0, 5_000))
def test_a_row_lies_between_its_neighbours(rate):
    rows = pacing_table("bg95", "both")
    found = Level(*shipped.level(rows, rate))
    assert rows[-1].age_min <= found.age_min <= rows[0].age_min
    assert rows[-1].move_s <= found.move_s <= rows[0].move_s


def run_ours(instance, budget_j, modem="bg95", **kwargs):
    mission = Mission(costs(modem), budget_j, instance.corridor, instance.networks, **kwargs)
    return run(instance, Ours(modem).factory(), mission)


def test_a_standing_train_without_network_searches_less_and_less():
    """Where there is much energy, coverage that is back is found within five hours: one scan in as many."""
    instance = trip([10.0] * 480, [[-140.0] * 480])
    for joules, most in ((2_000.0, 40), (4_000.0, 240 / 5)):
        outcome = run_ours(instance, joules)
        assert not outcome.uploads
        attempts = len(outcome.network_scans) + len(outcome.failures)
        assert 3 < attempts < most
        assert outcome.most_attempts() <= 23


def test_a_short_move_costs_wakes_and_no_satellites():
    instance, never = trip([10.0] * 480, [[-80.0] * 480]), (0,) * 480
    shunts = tuple(int(slot % 48 == 20) for slot in range(480))
    calm = run_ours(instance, 1_500.0, reuses=True, bumps=never)
    shunted = run_ours(instance, 1_500.0, reuses=True, bumps=never, shunts=shunts)
    assert shunted.joules["fix"] == calm.joules["fix"]
    assert calm.records + 5 < shunted.records <= calm.records + 2 * sum(shunts)


def test_operators_budget_is_kept_in_the_worst_coverage():
    instance = draw("w1", 5, "bg95").thinned(30)
    assert run_ours(instance, 1_000.0 * instance.days).most_attempts() <= 24


def test_an_expensive_network_is_left_for_a_cheap_one():
    instance = trip([10.0] * 480, [[-80.0] * 480, [-85.0] * 480], factor=[10.0, 1.0])
    outcome = run_ours(instance, 6_000.0)
    assert outcome.joules["attach"] == pytest.approx(2 * 8.8)
    alone = trip([10.0] * 480, [[-80.0] * 480], factor=[10.0])
    assert len(outcome.uploads) >= len(run_ours(alone, 6_000.0).uploads)


def test_a_trip_that_lasts_longer_than_expected_is_survived():
    """Twelve days in Malaszewicze, where two or three are usual."""
    km = np.r_[np.linspace(8_000, 8_769, 60), np.full(12 * 48, 8_769.0)]
    networks = draw("w1", 1, "bg95").networks
    rsrp = np.full((len(networks), len(km)), -80.0)
    outcome = run_ours(trip(km, rsrp, networks=networks), 800.0)
    assert outcome.died == len(km)


def test_the_policy_spends_its_whole_budget_and_no_more():
    for setting, budget in ((SETTINGS[0], 120), (SETTINGS[2], 500)):
        instance = setting.trip("n1", 1)
        outcome = run(instance, Ours(setting.modem).factory(), setting.mission(instance, budget))
        figures = score(instance, outcome)
        assert not figures.died
        assert 0.75 < figures.joules / (budget * instance.days) <= 1.0


def test_it_spends_by_its_own_account():
    instance = draw("w1", 5, "bg95")
    used_j = []
    for counted in (1.0, 1.2):
        declared = replace(costs("bg95"), counted=counted)
        mission = Mission(
            declared, 70.0 * instance.days, instance.corridor, instance.networks, lasts_days=instance.days
        )
        used_j.append(run(instance, Ours("bg95").factory(), mission).used_j[-1])
    assert used_j[1] == pytest.approx(used_j[0] / 1.2, rel=0.04)


def test_on_a_trip_of_the_world_reports_come_when_they_are_due():
    """35 minutes apart, where slots would make it an hour."""
    instance = trip([10.0] * 96, [[-80.0] * 96])
    never, shunts = (0,) * 96, (1,) + (0,) * 95
    by_slots, exact = (
        len(run_ours(instance, 9_000.0, reuses=True, bumps=never, shunts=each).uploads)
        for each in (None, shunts)
    )
    assert by_slots <= 48 < exact


def test_same_trip_same_run():
    instance = draw("drawn-2", 1, "bg95")
    one, two = run_ours(instance, 2_500.0), run_ours(instance, 2_500.0)
    assert one.uploads == two.uploads and np.array_equal(one.used_j, two.used_j)


def test_time_to_go_shrinks_along_the_route_and_while_standing():
    networks = draw("w1", 1, "bg95").networks
    route_data = RouteData(new_route(corridor("w1"), networks, places=True), networks)
    hub, *_, last = kms = [point.km for point in corridor("w1").route.waypoints]
    hours = [route_data.forecast(km, True, 0.0, 0.0).to_go_s / 3_600 for km in kms]
    assert hours == sorted(hours, reverse=True) and route_data.forecast(last, True, 0.0, 0.0).to_go_s == 0
    assert 20 * 24 < hours[0] < 45 * 24
    waits = [route_data.forecast(hub, False, 0.0, stood).to_go_s for stood in (0.0, 24.0, 48.0, 500.0)]
    assert waits[:3] == sorted(waits[:3], reverse=True)
    assert waits[3] > waits[2] - 24 * 3_600, "who has waited so long may wait longer still"


def test_it_does_without_distances_to_places():
    instance = draw("n1", 3, "bg95")
    outcome = run_ours(instance, 80.0 * instance.days, places=False)
    assert score(instance, outcome).utility > 0.8


def test_a_report_over_a_dear_and_weak_network_ends_no_trip():
    km = np.r_[np.linspace(0, 900, 60), np.full(400, 900.0)]
    instance = trip(km, [[-120.0] * len(km)], factor=[10.0])
    outcome = run_ours(instance, 5_000.0, modem="sim7600")
    assert outcome.died == len(km)
    assert outcome.joules["upload"] > 0


def test_in_russia_one_network_is_held_and_left_alone_while_it_is_barred():
    km = np.linspace(5_000, 5_600, 240)
    networks = draw("w1", 1, "bg95").networks
    rsrp = [[-80.0] * len(km) for _ in networks]
    outcome = run_ours(trip(km, rsrp, networks=networks), 3_000.0, russia=True)
    assert outcome.uploads
    free = outcome.uploads[0][0]
    assert len([slot for slot in outcome.failures if slot < free]) <= 2
    assert outcome.joules["attach"] < 36


@pytest.mark.parametrize("change", ["network scan", "costs", "end"])
def test_each_part_of_the_policy_changes_its_uploads(change):
    instance = draw("n1", 3, "bg95")
    mission = Mission(costs("bg95"), 80 * instance.days, instance.corridor, instance.networks)
    one = run(instance, Ours("bg95").factory(), mission)
    other = run(instance, Ours("bg95", changed=change).factory(), mission)
    assert one.uploads != other.uploads
    assert change != "network scan" or not other.network_scans
