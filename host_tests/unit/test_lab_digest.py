"""Observations of earlier trips, and their value to later ones."""

import numpy as np
import pytest
from landbridge.features.coverage import costs
from locator.scheduler import route

from host_tests.support.lab_trips import trip
from tools.lab import digest
from tools.lab.environments import draw
from tools.lab.physics import Run

pytestmark = pytest.mark.slow


def test_trips_in_one_radio_environment_find_the_same_networks():
    one, two = draw("w1", 1, 11, "bg95"), draw("w1", 1, 12, "bg95")
    other = draw("w1", 2, 11, "bg95")
    assert np.array_equal(one.factor, two.factor)
    near = [np.abs(one.km - km).argmin() for km in two.km]
    close = np.abs(one.km[near] - two.km) < 0.5
    difference = one.rsrp[:, near][:, close] - two.rsrp[:, close]
    assert close.sum() > 50 and np.quantile(np.abs(difference), 0.9) < 10
    assert not np.array_equal(one.rsrp, other.rsrp)


def test_a_network_scan_is_placed_by_a_fix_that_still_holds():
    km = [0.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0, 60.0]
    instance = trip(km, [[-90.0] * 8, [-118.0] * 8])
    strong, weak = instance.heard[0]
    outcome = Run(fixes=[1, 4], looks=[(0, strong), (2, weak), (3, strong), (7, None)], reports=[(0, 2.0)])
    seen = digest.Seen([], [])
    digest.see(instance, outcome, seen)
    assert seen.looks == [(20.0, 460_001, False), (60.0, 0, False)]
    assert seen.reports == [costs.Report(460_000, 2_000.0)]


def test_joules_per_point_counts_delivered_points_only():
    outcome = Run(fixes=[1, 2, 3, 9], uploads=[(4, 3)], joules={"fix": 12.0, "sleep": 3.0})
    assert digest.joules_a_point(outcome) == 5.0
    assert digest.joules_a_point(Run(fixes=[1], joules={"fix": 2.0})) == 2.0


@pytest.fixture(scope="module")
def figures():
    """Two lands, thinned by 25 dB."""
    jobs = [digest.Job(25.0, 120, "w1", environment) for environment in (1, 2)]
    return [each for job in jobs for each in digest.evaluate(job)]


def test_observations_of_earlier_trips_save_joules(figures):
    means = {
        name: np.mean([each.joules_a_point for each in figures if each.route_data == name])
        for name in (digest.NEW, digest.LEARNED, digest.SHUFFLED)
    }
    assert means[digest.LEARNED] < 0.97 * means[digest.NEW]
    assert means[digest.SHUFFLED] < 1.01 * means[digest.NEW]


def test_the_device_reads_route_data_of_observations():
    instance = draw("w1", 1, 11, "bg95")
    looks = [(float(km), 401_001, km % 3 == 0) for km in range(3_600, 5_600, 7)]
    data = digest.learned_data(instance, digest.Seen(looks, [costs.Report(401_001, 900.0)] * 3), False)
    assert route.is_whole(data)
    there = route.Route(data).forecast(4 * 4_000, True, 0, 0)
    assert there.learned and there.costs[there.networks.index(401_001)] == 100
    assert there.shares[there.networks.index(401_001)] == 100


def test_shortfalls_are_named():
    row = {"loss_db": 15.0, "route_data": digest.LEARNED, "fewer": 4.9, "low": 3.0}
    assert list(digest.missed_of(row))
    assert not list(digest.missed_of(row | {"fewer": 5.1}))
    assert list(digest.missed_of(row | {"fewer": 9.0, "low": -0.1}))
    assert list(digest.missed_of(row | {"route_data": digest.SHUFFLED, "fewer": -1.1}))
    assert not list(digest.missed_of(row | {"route_data": digest.SHUFFLED, "fewer": -0.9}))
