"""The meter adds up, and the battery gives way in the cold, under pulses and when it is empty."""

from __future__ import annotations

import pytest
import simpy

from tools.world.device.battery import KINDS, MINIMUM_V, START_V, USUAL, Battery, at
from tools.world.device.meter import MODEM_W, NOMINAL_V, SLEEP_FLOOR_W, Meter

HOUR_MS = 3_600_000
JOULES_A_MAH = 3.6 * NOMINAL_V
CAPACITY_MAH = KINDS[USUAL].capacity_mah


def battery_at(temperature_c: float, kind: str = USUAL) -> Battery:
    """A fresh battery where the temperature never changes."""
    return Battery(lambda ms: temperature_c, KINDS[kind])


def test_the_meter_charges_each_state_and_the_sum_is_the_total() -> None:
    env = simpy.Environment(initial_time=0)
    meter = Meter(env, "bg95")
    meter.state("esp32", "sleep")
    env.run(until=HOUR_MS)
    meter.state("esp32", "active")
    meter.state("modem", "tx")
    env.run(until=HOUR_MS + 2_000)
    meter.state("modem", "tx-gsm")
    env.run(until=HOUR_MS + 5_000)
    meter.state("modem", "psm")
    env.run(until=2 * HOUR_MS)
    joules = meter.joules_by_state()
    assert joules["esp32", "sleep"] == pytest.approx(3_600 * SLEEP_FLOOR_W["bg95"])
    assert joules["modem", "tx"] == pytest.approx(2 * MODEM_W["bg95"]["tx"])
    assert joules["modem", "tx-gsm"] == pytest.approx(3 * MODEM_W["bg95"]["tx-gsm"])
    assert sum(joules.values()) == pytest.approx(meter.total_j())
    assert sum(meter.joules_by_part().values()) == pytest.approx(meter.total_j())


def test_an_unknown_state_is_refused_and_changes_nothing() -> None:
    env = simpy.Environment(initial_time=0)
    meter = Meter(env, "bg95")
    with pytest.raises(KeyError):
        meter.state("modem", "dreaming")
    env.run(until=1_000)
    assert meter.joules_by_state().keys() == {("esp32", "off"), ("modem", "off"), ("gnss", "off")}


@pytest.mark.parametrize(
    ("modem", "state", "peak_a"), [("bg95", "tx", 0.5), ("bg95", "tx-gsm", 1.8), ("sim7600", "tx", 2.0)]
)
def test_pulses_are_higher_than_the_mean(modem: str, state: str, peak_a: float) -> None:
    meter = Meter(simpy.Environment(initial_time=0), modem)
    assert meter.peak_a() < 0.001
    meter.state("modem", state)
    assert meter.peak_a() == pytest.approx(peak_a)
    assert meter.peak_a() > MODEM_W[modem][state] / NOMINAL_V


def test_voltage_falls_with_cold_and_load() -> None:
    volts = [[battery_at(c).voltage(a) for a in (0.0, 0.5, 2.0)] for c in (20.0, 0.0, -20.0, -40.0)]
    assert all(row == sorted(row, reverse=True) for row in volts)
    assert all(list(column) == sorted(column, reverse=True) for column in zip(*volts, strict=True))
    assert volts[0][2] > 3.4 and MINIMUM_V < volts[3][2] < 3.1


def test_a_long_search_in_the_cold_sags_the_voltage_until_the_cell_has_caught_up() -> None:
    battery = battery_at(-42.0)
    fresh = battery.voltage(2.0)
    battery.advance(300_000, 150.0)
    assert battery.voltage(2.0) < fresh - 0.1
    assert battery.voltage(2.0) < MINIMUM_V
    battery.advance(300_000 + 4 * HOUR_MS, 150.0)
    assert battery.voltage(2.0) == pytest.approx(fresh, abs=0.02)
    assert battery.lowest.battery_mv < 1_000 * MINIMUM_V
    assert (battery.lowest.ms, battery.lowest.temp_dc) == (300_000, -420)


def test_cold_withholds_charge_and_warmth_gives_it_back() -> None:
    cold = -40.0
    battery = Battery(lambda ms: cold)
    battery.advance(1_000 * HOUR_MS, 0.54 * CAPACITY_MAH * JOULES_A_MAH)
    battery.advance(1_400 * HOUR_MS, 0.54 * CAPACITY_MAH * JOULES_A_MAH)
    assert battery.voltage(0.0) < MINIMUM_V
    cold = 10.0
    battery.advance(2_600 * HOUR_MS, 0.54 * CAPACITY_MAH * JOULES_A_MAH)
    assert battery.voltage(0.0) > 3.5
    assert battery.left() == pytest.approx(0.46, abs=0.01)


def test_self_discharge_is_one_percent_a_year() -> None:
    battery = battery_at(20.0)
    battery.advance(365 * 24 * HOUR_MS, 0.0)
    assert battery.used_mah == pytest.approx(0.01 * 19_000, rel=0.05)


@pytest.mark.parametrize("name", KINDS)
def test_cold_never_makes_a_battery_better(name: str) -> None:
    kind = KINDS[name]
    for curve in (kind.usable, kind.plateau_v, kind.lasting_ma):
        values = [value for _, value in curve]
        assert values == sorted(values)
    ohms = [value for _, value in kind.resistance_ohm]
    assert ohms == sorted(ohms, reverse=True)
    for curve in (kind.usable, kind.plateau_v, kind.resistance_ohm, kind.lasting_ma):
        degrees_c = [degree_c for degree_c, _ in curve]
        assert degrees_c == sorted(set(degrees_c))
    assert at(kind.usable, 20.0) == 1.0
    assert at(kind.plateau_v, 20.0) > START_V


def test_a_lifepo4_cell_carries_lte_in_the_cold_and_browns_out_on_gsm() -> None:
    """Five to ten times the resistance at -30 C (energy facts): 0.5 A at 3.6 V pass, 1.8 A do not."""
    warm, cold = KINDS["lfp5ah"].resistance_ohm[-1][1], at(KINDS["lfp5ah"].resistance_ohm, -30.0)
    assert 5 <= cold / warm <= 10
    assert battery_at(-30.0, "lfp5ah").voltage(0.5) > MINIMUM_V > battery_at(-30.0, "lfp5ah").voltage(1.8)
    assert battery_at(-10.0, "lfp5ah").voltage(1.8) > MINIMUM_V


def test_a_battery_of_less_volts_gives_more_amperes_for_the_same_joules() -> None:
    battery = battery_at(20.0, "lfp5ah")
    used_j = 0.5 * 5_000 * JOULES_A_MAH
    battery.advance(HOUR_MS, used_j)
    assert battery.left() == pytest.approx(1 - 0.5 * 3.6 / 3.2, abs=0.001)
    drop_v = battery_at(-40.0, "lfp5ah").voltage(0.0) - battery_at(-40.0, "lfp5ah").voltage(1.0)
    assert drop_v == pytest.approx(0.45 * 3.6 / 3.2)


def test_the_lowest_voltage_is_compared_with_the_possible_one() -> None:
    battery = battery_at(-40.0, "lfp5ah")
    battery.advance(1_000, 0.1 * 5_000 * 3.6 * 3.2)
    battery.voltage(0.5)
    assert battery.lowest.left == pytest.approx(0.15, abs=0.001)  # of a quarter a tenth is drawn


def test_curves_are_linear_between_points_and_flat_outside() -> None:
    curve = ((0.0, 1.0), (10.0, 2.0))
    assert [at(curve, x) for x in (-5, 0, 5, 10, 15)] == [1.0, 1.0, 1.5, 2.0, 2.0]
