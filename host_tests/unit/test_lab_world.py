"""The full world's trips in the lab."""

import random

import numpy as np
import pytest
from landbridge.geo.timetable import STAY_H

from tools.lab.check import first_route
from tools.lab.costs import FACTOR_EXPONENT
from tools.lab.route_data import RouteData
from tools.lab.routes import corridor
from tools.lab.world import HELD, Woken, instance, jolts, measured
from tools.modem import Modem
from tools.modem.link.mqtt import LockStepNetwork
from tools.world import stage
from tools.world.radio.coverage import USABLE_DBM, Coverage
from tools.world.trip import Trip

HOUR_MS = 3_600_000
FIX_J, TALK_J, ATTACH_J, WAKE_J = (1.2, 3.0, 7.6), 5.0, 9.0, 0.4


@pytest.fixture(scope="module")
def trip():
    return Trip(3, "bg95", 12)


def test_it_is_the_same_trip(trip):
    here = instance(trip, "bg95", 12)
    assert here.slots == 12 * 48
    assert here.km[96] == trip.km(2 * 86_400_000)
    assert here.moving.any() and not here.moving.all()
    assert here.heard[0] and here.heard[0][0].rsrp_dbm > -100
    assert here.country[0] == "CN"
    assert here.fix_noise.mean() == pytest.approx(1) and here.fix_noise.max() > 1.4
    assert sum(jolts(trip, here.slots, "bump")) > 0


def test_a_device_that_has_arrived_expects_the_stay_that_the_agent_tells_it():
    here = corridor("w1")
    arrived = RouteData(first_route(here), ()).forecast(here.route.length_km, False, 0.0, 0.0)
    assert arrived.to_go_s == pytest.approx(3_600 * STAY_H, rel=0.02)


def test_where_lte_m_is_heard_gsm_is_left():
    trip = Trip(1, "bg95", 45)
    here = instance(trip, "bg95", 45)
    coverage, first = Coverage(trip.route, "bg95", 1), {True: 0, False: 0}
    for slot in range(0, here.slots, 5):
        levels = coverage.levels(float(here.km[slot]), slot * 1_800_000)
        heard = {here.networks[each.network].plmn: each.rsrp_dbm for each in here.heard[slot]}
        over_lte_m = {plmn: dbm for (plmn, kind), dbm in levels.items() if kind == "emtc"}
        is_first = any(over_lte_m.get(plmn, -200.0) > USABLE_DBM for plmn in heard)
        first[is_first] += bool(heard)
        for plmn, dbm in heard.items():
            assert dbm == (over_lte_m[plmn] if is_first else levels[plmn, "gsm"])
    assert min(first.values()) > 50


def test_a_report_costs_by_how_long_the_network_of_that_trip_holds_the_connection(trip):
    here = instance(trip, "bg95", 12)
    rng, network = stage.modem_rng(trip.seed), LockStepNetwork({})
    unit = Modem(trip.env, "bg95", trip, network, rng, trip.charge).unit
    for operator, factor in zip(here.networks, here.factor, strict=True):
        tail_ms = unit.radio.bearer.tail_ms(operator.plmn)
        held = HELD[tail_ms] if "emtc" in operator.kinds else 1.0
        assert factor**FACTOR_EXPONENT == pytest.approx(held)
    assert here.factor.max() > 1


def test_costs_are_found_again():
    rng = random.Random(5)
    wakes, ms, fixed_ms, network = [], 0, -(1 << 62), ""
    for _ in range(400):
        ms += rng.choice((1, 3, 6)) * HOUR_MS
        fix, talk, new = rng.random() < 0.7, rng.random() < 0.4, rng.random() < 0.1
        gap_h = (ms - fixed_ms) / HOUR_MS
        joules = {("esp32", "active"): WAKE_J, ("esp32", "sleep"): 0.8}
        if fix:
            joules["gnss", "search"] = FIX_J[int(gap_h > 2) + int(gap_h > 4)]
            fixed_ms = ms
        joules["modem", "tx"] = TALK_J * talk + ATTACH_J * new
        network = rng.choice([each for each in ("46000", "46001") if each != network]) if new else network
        wakes.append(Woken(ms, False, joules, int(fix), int(talk), (network,) if new else ()))
    found = measured(wakes, "bg95")
    assert found.wake_j == pytest.approx(WAKE_J, abs=0.05)
    assert found.ttff_s == pytest.approx(FIX_J, abs=0.1)
    assert found.upload_j == pytest.approx(TALK_J - WAKE_J, abs=0.1)
    assert np.isclose(found.attach_j, ATTACH_J, atol=1.0)
