"""Rarely used functions against the simulated modem: a time server, predicted orbits, the supply as the modem
measures it; voice and SMS."""

from __future__ import annotations

import types
from typing import Any

import pytest
from locator import state as st
from locator.modem import REGISTERED, make, ntp, services
from locator.scheduler import budget

from host_tests.support.simulated_modem import START_UTC_S, ModemUnderTest
from tools.modem.link.loopback import Loopback
from tools.modem.scenario import parse

EPOCH_2000_S = 946_684_800
DIALECTS = ["bg95", "sim7600"]
NO_HOSTS = parse("[[event]]\nat_s = 0\ndo = 'hosts'\nreached = 'none'\n")


def registered(dialect: Any, **more: Any) -> tuple[ModemUnderTest, Any]:
    modem = ModemUnderTest(dialect, Loopback(), **more)
    driver = make(types.SimpleNamespace(MODEM=dialect, apn=b"iot"), modem)
    driver.start(True, True)
    assert driver.attach(200, 200, 0) == (REGISTERED, 0)
    return modem, driver


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_time_server(dialect):
    modem, driver = registered(dialect)
    modem.simulated.unit.clock.lose()
    assert driver.network_time() is None
    epoch_s = ntp.ask(driver)
    assert abs(epoch_s + EPOCH_2000_S - START_UTC_S - modem.now() // 1000) <= 2
    assert driver.network_time() is not None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_time_server_that_does_not_answer_costs_a_minute(dialect):
    modem, driver = registered(dialect, scenario=NO_HOSTS)
    began_ms = modem.now()
    assert ntp.ask(driver) is None
    assert modem.now() - began_ms < 60_000


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_supply_as_the_modem_measures_it(dialect):
    modem, driver = registered(dialect)
    modem.simulated.unit.supply_mv = 3_612
    assert 3_400 < driver.supply_mv() <= 3_612


def first_fix_s(modem: ModemUnderTest, driver: Any) -> float:
    began_ms = modem.now()
    driver.gnss_start(False)
    while driver.gnss_poll() is None:
        modem.sleep_ms(1000)
        assert modem.now() - began_ms < 300_000
    return (modem.now() - began_ms) / 1000


def booted_again(modem: ModemUnderTest, driver: Any) -> None:
    """Predicted orbits are used from the boot on that follows their being switched on."""
    driver.stop(False)
    driver.start(True, False)
    assert driver.attach(200, 200, 0) == (REGISTERED, 0)


def median_s(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


@pytest.mark.parametrize(("age_days", "gains"), [(0, True), (3, True), (8, False)])
def test_assistance_data_shortens_the_first_fix_while_it_is_fresh(age_days, gains):
    times: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(21):
        for fetched in (True, False):
            modem, driver = registered("sim7600", seed=seed)
            booted_again(modem, driver)
            if fetched:
                assert driver.part("assistance").download(driver)
            modem.run(age_days * 86_400_000 + 1_000)
            times[fetched].append(first_fix_s(modem, driver))
    saved_s = median_s(times[False]) - median_s(times[True])
    assert (saved_s > 8) == gains
    if age_days == 0:
        assert saved_s > 15


def test_a_file_of_predicted_orbits_for_the_bg95():
    modem, driver = registered("bg95")
    assistance = driver.part("assistance")
    assert assistance.minutes_left(driver) == 0  # not switched on yet
    booted_again(modem, driver)
    assert assistance.minutes_left(driver) <= 0
    now = START_UTC_S + modem.now() // 1000
    utc = modem.simulated.unit.clock.utc()
    assert abs(utc.timestamp() - now) < 5
    assert assistance.inject(driver, bytes(5000), utc.timetuple()[:6])
    assert assistance.minutes_left(driver) == 10_080
    assert not assistance.inject(driver, bytes(5000), (2001, 1, 1, 0, 0, 0))


def test_a_failed_download_is_reported():
    modem, driver = registered("sim7600")
    assert not driver.part("assistance").download(driver)  # not switched on yet
    booted_again(modem, driver)
    modem.air.barred = True
    assert not driver.part("assistance").download(driver)


def test_predicted_orbits_are_fetched_only_when_they_pay():
    state = st.new()
    state[st.NOW], state[st.OFFSET] = 1_000_000, 800_000_000
    assert budget.assistance_due(state)
    state[st.OFFSET] = 0
    assert not budget.assistance_due(state)  # they need the time
    state[st.OFFSET], state[st.EPHEMERIS] = 800_000_000, 1_000_000 - 3 * 3600
    assert not budget.assistance_due(state)  # the ephemeris from the satellites is still valid
    state[st.EPHEMERIS] -= 2 * 3600
    assert budget.assistance_due(state)
    state[st.ASSISTANCE_TRIED] = 1_000_000 - 86_000
    assert not budget.assistance_due(state)
    state[st.ASSISTANCE_TRIED] -= 400
    assert budget.assistance_due(state)


CALLED = parse(
    "[[event]]\nafter = 'AT+CBC'\ndo = 'call'\n[[event]]\nafter = 'AT+CBC'\nwait_s = 2\ndo = 'message'\n"
)
ON, OFF = (3,), (0,)
SHIPPED = [("bg95", (), "servicedomain"), ("sim7600", ("cemode",), "cemode")]


def uninvited(modem: ModemUnderTest, driver: Any) -> list[int]:
    """Return the RING and message URCs after an incoming call and an SMS."""
    assert driver.channel.uninvited == [0, 0] and driver.supply_mv()
    modem.sleep_ms(20_000)
    assert driver.serves(0) == (True, 0)
    return list(driver.channel.uninvited)


@pytest.mark.parametrize(("dialect", "variants", "_"), SHIPPED)
def test_calls_and_messages_reach_a_modem_as_shipped(dialect, variants, _):
    assert uninvited(*registered(dialect, variants=variants, scenario=CALLED)) == [3, 1]


@pytest.mark.parametrize(("dialect", "variants", "key"), SHIPPED)
def test_they_are_put_off_and_stay_off_without_power(dialect, variants, key):
    modem, driver = registered(dialect, variants=variants, scenario=CALLED)
    kept = modem.simulated.unit.nv.settings
    assert services.settle(driver, 1) == ON
    assert services.settle(driver, 0) == OFF
    driver.stop(False)
    modem.simulated.rail(False)
    driver.start(True, False)
    assert driver.attach(200, 200, 0) == (REGISTERED, 0)
    before = dict(kept)
    assert services.settle(driver, 0) == OFF and kept == before
    assert uninvited(modem, driver) == [0, 0]
    assert services.settle(driver, 1) == ON and kept[key] == "2"


def test_firmware_of_the_manual_does_not_report_it():
    _, driver = registered("sim7600")
    assert services.settle(driver, 0) == ()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_after_a_missing_operator_a_scan_finds_the_available_one(dialect):
    _, driver = registered(dialect)
    here = driver.cell().plmn
    driver.stop(False)
    driver.start(True, False)
    assert driver.attach(50, 50, 460999)[0] != REGISTERED
    driver.stop(False)
    driver.start(True, False)
    assert driver.listen(20, False).plmn == here
