from dataclasses import replace

import numpy as np
import pytest

from host_tests.support.lab_trips import Script, live, trip
from tools.lab.costs import costs, failure, signal_factor
from tools.lab.other_trackers import SHIPPED, Schedule, Tracker
from tools.lab.physics import Mission, run
from tools.lab.score import ages_h, covered, errors, score
from tools.world.radio.sites import Operator

BG95 = costs("bg95")
STATIONARY = [10.0] * 12
GOOD = [[-80.0] * 12]


def test_sleep_is_all_that_a_quiet_trip_costs():
    outcome = live(trip(STATIONARY, GOOD), lambda device: None)
    assert outcome.used_j[-1] == pytest.approx(12 * 216e-6 * 1_800)
    assert outcome.died == 12


@pytest.mark.parametrize(("gap", "seconds"), [(1, 6), (4, 6), (5, 15), (8, 15), (9, 38)])
def test_a_fix_costs_by_the_age_of_the_ephemeris(gap, seconds):
    outcome = live(trip(STATIONARY, GOOD), lambda d: d.fix() if d.slot in (0, gap) else None)
    assert outcome.joules["fix"] == pytest.approx(0.4 + 0.2 * 38 + 0.4 + 0.2 * seconds)


def test_a_search_that_is_given_up_sooner_costs_less_and_may_miss():
    instance = trip([10.0] * 4, [[-80.0] * 4])
    outcome = live(trip([10.0] * 4, [[-80.0] * 4], sky=[False] * 4), lambda d: d.fix(limit_s=45.0))
    assert not outcome.fixes and outcome.joules["fix"] == pytest.approx(4 * (0.4 + 0.2 * 45))
    assert live(instance, lambda d: d.fix(limit_s=39.0)).fixes == [0, 1, 2, 3]
    assert not live(instance, lambda d: d.fix(limit_s=37.0)).fixes, "a cold start takes 38 s"


def test_a_search_lasts_no_longer_than_the_age_of_the_orbits_allows():
    sky = [True] + [False] * 11
    outcome = live(trip(STATIONARY, GOOD, sky=sky), lambda d: d.fix() if d.slot in (0, 2, 8) else None)
    assert outcome.joules["fix"] == pytest.approx(0.4 + 0.2 * 38 + 2 * 0.4 + 0.2 * (40 + 60))


def test_blocked_sky_costs_ninety_seconds_and_gives_nothing():
    outcome = live(trip(STATIONARY, GOOD, sky=[False] * 12), lambda d: d.fix() if d.slot == 0 else None)
    assert outcome.joules["fix"] == pytest.approx(0.4 + 0.2 * 90)
    assert not outcome.fixes


def test_the_first_upload_attaches_and_the_next_does_not():
    outcome = live(trip(STATIONARY, GOOD), lambda d: (d.fix(), d.upload()))
    assert outcome.joules["attach"] == pytest.approx(8.8)
    data_j = 0.4 + 1.2 * signal_factor(-80.0)
    assert outcome.joules["upload"] == pytest.approx(12 * data_j)
    assert outcome.uploads == [(slot, slot) for slot in range(12)]


def test_a_new_country_costs_its_first_registration():
    networks = (Operator("46000", "CN", ("gsm",)), Operator("40101", "KZ", ("gsm",)))
    km = [3_570.0] * 6 + [3_580.0] * 6
    rsrp = [[-80.0] * 6 + [-150.0] * 6, [-150.0] * 6 + [-80.0] * 6]
    outcome = live(trip(km, rsrp, networks=networks), lambda d: d.upload())
    assert outcome.joules["attach"] == pytest.approx(8.8 + 35.0)
    assert len(outcome.attempts) == 2


def test_a_registered_network_is_kept_while_it_is_usable():
    rsrp = [[-80.0] * 4 + [-110.0] * 4 + [-130.0] * 4, [-90.0] * 12]
    outcome = live(trip(STATIONARY, rsrp), lambda d: d.upload())
    assert outcome.joules["attach"] == pytest.approx(2 * 8.8)


def test_an_upload_without_network_searches_and_keeps_the_points():
    rsrp = [[-140.0] * 6 + [-80.0] * 6]
    outcome = live(trip(STATIONARY, rsrp), lambda d: (d.fix(), d.upload() if d.slot in (5, 6) else None))
    assert outcome.joules["scan"] == pytest.approx(25.0)
    assert outcome.uploads == [(6, 6)] and outcome.failures == [5]


def test_a_network_scan_hears_the_cell_that_an_upload_would_use():
    seen = []
    rsrp = [[-130.0] * 12, [-100.0] * 12]
    outcome = live(
        trip(STATIONARY, rsrp),
        lambda d: seen.append((d.scan_networks(), d.scan_networks(0))) if d.slot == 0 else None,
    )
    assert seen[0][0].network == 1 and seen[0][1] is None
    assert outcome.joules["network scan"] == pytest.approx(3.0)


def test_weak_signal_costs_and_fails():
    assert signal_factor(-80) == pytest.approx(1, abs=0.01)
    assert signal_factor(-119) == pytest.approx(1 + 1.2 + 4, abs=0.1)
    assert failure(-122) == 0.5 and failure(-100) < 1e-5


def test_energy_that_is_gone_ends_the_trip():
    outcome = live(trip(STATIONARY, GOOD), lambda d: (d.fix(), d.upload()), budget_j=25.0)
    assert 0 < outcome.died < 12 and len(outcome.used_j) == outcome.died + 1
    assert max(slot for slot, _ in outcome.uploads) < outcome.died


def test_an_endless_run_cut_at_a_budget_is_the_run_with_that_budget():
    instance = trip(np.arange(200) * 12.0, [[-85.0] * 200])
    rule = Schedule((3_600, 3_600), (7_200, 7_200))
    for budget_j in (60.0, 150.0, 300.0, 1_000.0):
        given = run(instance, rule.factory(), Mission(BG95, budget_j, instance.corridor))
        endless = run(instance, rule.factory(), Mission(BG95, 1e7, instance.corridor))
        assert score(instance, given).utility == pytest.approx(score(instance, endless, budget_j).utility)


def test_cold_withholds_energy_and_gives_it_back():
    instance = trip(STATIONARY, GOOD)
    instance.battery_c[3:6] = -60.0
    outcome = live(instance, lambda d: (d.fix(), d.upload()), budget_j=60.0, cold=True)
    slots = [slot for slot, _ in outcome.uploads]
    assert not {3, 4, 5} & set(slots) and max(slots) > 5


def test_russia_bars_data_for_a_day():
    networks = (Operator("25001", "RU", ("gsm",)),)
    km = [7_000.0] * 120
    outcome = live(trip(km, [[-80.0] * 120], networks=networks), lambda d: (d.fix(), d.upload()), russia=True)
    assert outcome.uploads[0][0] == 48


def test_utility_by_hand():
    instance = trip([0.0] * 12 + [20.0, 40.0, 60.0, 80.0], [[-80.0] * 16])
    outcome = live(instance, lambda d: (d.fix(), d.upload()) if d.slot in (0, 15) else None)
    points = np.array([0, 15])
    assert np.flatnonzero(covered(instance.moving, points)).tolist() == [*range(7), 9, 10, 14, 15]
    assert errors(instance.km, points)[12] == pytest.approx(80 * 12 / 15 - 20)
    assert ages_h(16, outcome.uploads)[14] == pytest.approx(7.0)
    parts = (
        covered(instance.moving, points).mean(),
        np.clip(1 - errors(instance.km, points) / 25, 0, None).mean(),
        np.clip(1 - ages_h(16, outcome.uploads) / 24, 0, None).mean(),
    )
    assert score(instance, outcome).utility == pytest.approx(np.dot((0.35, 0.35, 0.30), parts))


def test_a_ring_keeps_the_newest():
    def act(device):
        device.fix()
        device.keep(3)
        if device.slot == 11:
            device.upload()

    assert live(trip(STATIONARY, GOOD), act).fixes == [9, 10, 11]


def test_a_fixed_schedule_fixes_and_uploads_at_its_intervals():
    instance = trip(STATIONARY, GOOD)
    mission = Mission(BG95, 1e6, instance.corridor)
    outcome = run(instance, lambda m: Tracker(Schedule((3_600, 3_600), (7_200, 7_200)), m), mission)
    assert outcome.fixes == [0, 2, 4, 6, 8, 10]
    assert [slot for slot, _ in outcome.uploads] == [0, 4, 8]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_tracker_delivers_something(name):
    instance = trip(np.r_[np.arange(40) * 15.0, np.full(60, 600.0)], [[-85.0] * 100])
    outcome = run(instance, SHIPPED[name].factory(), Mission(BG95, 1e6, instance.corridor))
    assert outcome.uploads and outcome.fixes


def test_an_upload_is_given_up_at_its_limit():
    instance = trip([10.0] * 4, [[-121.0] * 4], factor=[10.0])
    outcome = live(instance, lambda d: d.fix() and d.upload(limit_j=20.0))
    assert not outcome.uploads and len(outcome.failures) == 4
    assert outcome.joules["upload"] + outcome.joules["attach"] == pytest.approx(4 * 20.0)
    assert live(instance, lambda d: d.fix() and d.upload(limit_j=500.0)).uploads


def test_no_attempt_takes_longer_than_its_deadlines():
    instance = trip([10.0] * 4, [[-121.0] * 4], factor=[1e4])
    outcome = live(instance, lambda d: d.fix() and d.upload())
    assert not outcome.uploads and len(outcome.failures) == 4
    assert outcome.joules["upload"] == pytest.approx(4 * 300.0)


def test_wakes_for_nothing_cost_only_where_they_are_counted():
    outcome = live(trip([10.0] * 4, [[-80.0] * 4]), lambda d: d.woke(2, 0))
    assert outcome.joules["wake"] == pytest.approx(8 * 0.4)


def test_policies_that_act_at_stops_pay_for_detecting_them():
    instance = trip(np.arange(40) * 15.0, [[-85.0] * 40])
    for edges, looked in ((True, True), (False, False)):
        rule = Schedule((7_200, 7_200), (14_400, 14_400), edges=edges)
        outcome = run(instance, rule.factory(), Mission(BG95, 1e6, instance.corridor, bumps=(0,) * 40))
        assert (outcome.joules["wake"] >= 20 * BG95.wake_j) is looked


def test_a_network_that_is_heard_may_not_serve_and_one_may_be_found_later():
    rules = replace(costs("bg95"), unserved=(0.2, 0.2), unserved_j=27.0, regained=0.2, regained_j=28.0)
    instance = replace(
        trip([10.0] * 4, [[-80.0, -80.0, -140.0, -140.0]]), luck=np.array([0.9, 0.1, 0.1, 0.9])
    )
    mission = Mission(rules, 1e6, instance.corridor, instance.networks)
    outcome = run(instance, lambda _: Script(lambda d: d.fix() and d.upload()), mission)
    assert [slot for slot, _ in outcome.uploads] == [0, 2] and outcome.failures == [1, 3]
    assert outcome.joules["scan"] == pytest.approx(27.0 + 25.0)
    looked = run(instance, lambda _: Script(lambda d: d.fix() and d.scan_networks() and d.upload()), mission)
    assert [slot for slot, _ in looked.uploads] == [0] and looked.failures == [1]


def test_a_report_after_a_network_scan_does_not_search_again():
    rules = replace(costs("bg95"), network_scan_j=0.5, network_search_j=4.0, again_j=6.0, attach_j=5.0)
    gsm = replace(
        trip([10.0] * 3, [[-80.0] * 3, [-90.0] * 3]), networks=(Operator("46000", "CN", ("gsm",)),) * 2
    )
    mission = Mission(rules, 1e6, gsm.corridor, gsm.networks)

    def outcome(act):
        return run(gsm, lambda _: Script(act), mission)

    plain = outcome(lambda d: d.fix() and d.upload())
    looked = outcome(lambda d: d.fix() and d.scan_networks() and d.upload())
    assert looked.joules["network scan"] == pytest.approx(3 * 4.5)
    assert looked.joules["attach"] == pytest.approx(plain.joules["attach"] - 3 * 4.0)
    assert looked.joules["upload"] == plain.joules["upload"] > 0
    assert looked.reports == plain.reports  # what the device learns of it has the search in it
    twice = outcome(lambda d: d.fix() and d.scan_networks() and d.upload() and d.upload())
    again = outcome(lambda d: d.fix() and d.upload() and d.upload())
    assert twice.joules["attach"] == pytest.approx(again.joules["attach"] - 3 * 4.0)
    other = outcome(lambda d: d.fix() and d.scan_networks(1) and d.upload())
    assert other.joules["attach"] == plain.joules["attach"]


def test_a_modem_that_sleeps_registered_scans_without_a_search():
    rules = replace(costs("bg95"), network_scan_j=0.5, network_search_j=4.0)
    outcome = run(
        trip([10.0] * 3, [[-80.0] * 3]),
        lambda _: Script(lambda d: d.fix() and d.scan_networks() and d.upload()),
        Mission(rules, 1e6, trip([10.0], [[-80.0]]).corridor),
    )
    assert outcome.joules["network scan"] == pytest.approx(3 * 0.5 + 4.0)
