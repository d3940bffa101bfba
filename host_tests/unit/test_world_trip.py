"""A whole trip as the device and the modem meet it."""

from __future__ import annotations

import random

import pytest

from tools.modem import Modem
from tools.modem.link.mqtt import LockStepNetwork
from tools.modem.network.air import Cell, Fix, Rat
from tools.modem.registry import Dialect
from tools.world.trip import DAY_MS, MARGIN_MS, START_UTC_S, Trip

IMSI = "204046612345678"


class OneKind(Trip):
    """A trip on which the modem hears one kind of network only."""

    kind: Rat = "gsm"

    def cells(self) -> list[Cell]:
        return [cell for cell in super().cells() if cell.rat == self.kind]


def look(trip: Trip, hours: int) -> list[object]:
    """What the world says every few hours."""
    seen: list[object] = []
    for hour in range(0, hours, 5):
        trip.env.run(until=1 + hour * 3_600_000)
        now = int(trip.env.now)
        seen += [trip.sense(), trip.cells(), trip.sky(), trip.next_motion_ms(now), trip.next_light_ms(now)]
        seen.append(trip.attach_cause(IMSI, "40101"))
    return seen


def test_the_same_seed_is_the_same_trip_and_another_is_not() -> None:
    assert look(Trip(5, "bg95"), 300) == look(Trip(5, "bg95"), 300)
    assert look(Trip(5, "bg95"), 300) != look(Trip(6, "bg95"), 300)


def test_both_modems_take_the_same_train() -> None:
    one, other = Trip(5, "bg95"), Trip(5, "sim7600")
    for ms in range(0, 45 * DAY_MS, DAY_MS):
        assert one.position(ms) == other.position(ms)
        assert one.temperature_dc(ms) == other.temperature_dc(ms)


def test_options_are_written_to_the_configuration() -> None:
    trip = Trip(1, "sim7600")
    trip.env.run(until=60_000)
    sense = trip.sense()
    first = trip.cells()
    assert trip.cells() == first
    assert trip.given.senses == [sense]
    shown = [(cell.plmn, cell.tac, cell.cell_id, cell.rsrp_dbm) for cell in first]
    assert [(seen.plmn, seen.tac, seen.cell_id, seen.rsrp_dbm) for seen in trip.given.cells] == shown
    trip.sense()
    trip.cells()
    assert len(trip.given.cells) == 2 * len(first)  # a new wake is given them again
    fix = Fix(trip.utc_s(), 29.6, 106.4, 250.0, 0.0, 0.0, 1.2, 7)
    trip.fix_given(fix)
    assert trip.given.fixes == [fix]
    assert trip.utc_s() == START_UTC_S + 60


def test_motion_counts_since_the_last_look() -> None:
    trip = Trip(1, "bg95")
    total = 0
    for hour in range(1, 200):
        trip.env.run(until=hour * 3_600_000)
        total += trip.sense().motion
    assert total == trip.motion.counts(199 * 3_600_000) > 1_000


def test_crossings_are_known_when_they_are_passed() -> None:
    trip = Trip(1, "bg95")
    assert trip.crossings == []
    trip.env.run(until=trip.end_ms)
    entered = [crossing.entered for crossing in trip.crossings]
    assert entered == ["KZ", "RU", "BY", "PL", "DE"]
    for crossing in trip.crossings:
        assert trip.country(crossing.ms - 60_000) == crossing.left
        assert trip.country(crossing.ms + 60_000) == crossing.entered


def test_the_bar_in_russia() -> None:
    trip = Trip(1, "bg95")
    trip.env.run(until=trip.end_ms)
    into = next(crossing.ms for crossing in trip.crossings if crossing.entered == "RU")
    trip = Trip(1, "bg95")
    trip.env.run(until=into + 60_000)
    assert trip.bars() == []
    trip.registered(IMSI, "25001")
    assert not trip.data_open(IMSI, "25001")
    trip.env.run(until=into + 60_000 + DAY_MS)
    assert trip.data_open(IMSI, "25001")
    trip.sent("25001")
    (bar,) = trip.bars()
    assert bar.end_ms - bar.start_ms == DAY_MS
    assert trip.barred(into + 3_600_000, "25001")


def test_a_transmission_that_the_battery_cannot_carry_is_a_brown_out() -> None:
    trip = Trip(1, "sim7600")
    trip.meter.state("esp32", "active")
    assert trip.can_start() and not trip.power_failed()
    trip.charge("modem", "tx")
    assert not trip.power_failed()
    trip.env.run(until=1_200_000)  # it never sends for so long: 42 Wmin out of the capacitor
    trip.charge("modem", "connected")
    trip.charge("modem", "tx")
    assert trip.power_failed()
    assert trip.brown_outs[0].ms == 1_200_000
    assert trip.brown_outs[0].battery_mv < 2_800
    trip.charge("modem", "off")
    trip.meter.state("esp32", "off")
    trip.env.run(until=30 * 3_600_000)
    assert trip.can_start() and not trip.power_failed()
    assert trip.battery.lowest.battery_mv == trip.brown_outs[0].battery_mv


@pytest.mark.parametrize("days", [1, 45])
def test_the_world_goes_on_after_the_last_day(days: int) -> None:
    trip = Trip(2, "bg95", days)
    trip.env.run(until=trip.end_ms + MARGIN_MS - 1)
    assert trip.sense().battery_mv > 3_000
    assert trip.sky().lat > 0
    trip.cells()


@pytest.mark.parametrize(
    ("modem", "kind", "state"), [("bg95", "gsm", "tx-gsm"), ("bg95", "emtc", "tx"), ("sim7600", "lte", "tx")]
)
def test_a_transmission_uses_the_power_of_its_radio_technology(modem: Dialect, kind: Rat, state: str) -> None:
    """In Germany GSM and LTE-M are heard together."""
    trip = OneKind(1, modem)
    trip.kind = kind
    trip.env.run(until=44 * DAY_MS)
    assert trip.country(44 * DAY_MS) == "DE"
    assert modem == "sim7600" or {"gsm", "emtc"} < {cell.rat for cell in Trip.cells(trip)}
    simulated = Modem(trip.env, modem, trip, LockStepNetwork({}), random.Random(1), trip.charge)
    simulated.rail(True)
    simulated.key(True)
    trip.env.run(until=44 * DAY_MS + 600_000)
    assert {each for _, each in trip.meter.joules_by_state() if each.startswith("tx")} == {state}


def test_the_modem_measures_the_battery_that_feeds_it() -> None:
    trip = Trip(1, "bg95")
    simulated = Modem(trip.env, "bg95", trip, LockStepNetwork({}), random.Random(1), trip.charge)
    simulated.fed_by(trip.supply_mv)
    said = bytearray()
    simulated.on_output = said.extend
    simulated.rail(True)
    simulated.key(True)
    trip.env.run(until=60_000)
    simulated.receive(b"AT+CBC\r")
    trip.env.run(until=61_000)
    measured_mv = int(said.decode().partition("+CBC: 0,")[2].split("\r")[0].split(",")[1])
    assert measured_mv == pytest.approx(trip.sense().battery_mv, abs=30)
    assert measured_mv < 3_600
