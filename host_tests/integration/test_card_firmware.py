"""The firmware's eSIM modules against the simulated modem and card, with quirks of the field."""

from __future__ import annotations

import pytest
from locator.esim import CardError, apdu, applet, euicc, iccid_bytes, restart
from locator.modem import DENIED

from host_tests.support.cards import (
    CHINA,
    CIS,
    EUROPE,
    EUROPE_ICCID,
    applet_card,
    four_profiles,
    opened,
    started_driver,
)
from tools.modem.card.card import Card

ROUTES = [
    ((), apdu.CGLA),
    (("bare-ccho",), apdu.CGLA),
    (("hex-session", "cla-80"), apdu.CGLA),
    (("no-cchc", "cchc-answers"), apdu.CGLA),
    (("no-csim",), apdu.CGLA),
    (("no-cgla",), apdu.CSIM_CHANNEL),
    (("no-cgla", "csim-basic"), apdu.CSIM_BASIC),
]


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
@pytest.mark.parametrize(("variants", "interface"), ROUTES)
def test_every_route(dialect, variants, interface):
    card = four_profiles()
    driver = started_driver(dialect, card, *variants)
    transport = opened(driver)
    assert transport.interface == interface
    assert euicc.eid(transport) == card.eid
    assert [each.enabled for each in euicc.profiles(transport)] == [True, False, False, False, False]
    assert euicc.name(transport, EUROPE_ICCID, "e" * 64) == 0 and card.profiles[2].nickname == "e" * 64
    assert euicc.enable(transport, EUROPE_ICCID, 0) == 0
    transport.close()
    assert restart.wait(driver)
    assert restart.identity(driver) == (EUROPE_ICCID, EUROPE.encode())
    assert len(euicc.notifications(opened(driver, interface))) == 2


@pytest.mark.parametrize("variants", [("no-cgla", "no-csim"), ("no-cgla",)])
def test_no_route(variants):
    for card in (Card(), four_profiles()):
        if isinstance(card, type(four_profiles())) and "no-csim" not in variants:
            continue
        with pytest.raises(CardError):
            opened(started_driver("bg95", card, *variants))


def test_channels_left_open_by_a_reset():
    driver = started_driver("bg95", four_profiles())
    for _ in range(5):
        opened(driver)
    csim = started_driver("sim7600", four_profiles(), "no-cgla")
    assert [opened(csim).interface for _ in range(3)] == [apdu.CSIM_CHANNEL] * 3
    assert opened(csim).interface == apdu.CSIM_BASIC


@pytest.mark.parametrize("quirk", ["get-response", "isdr-slow", "fetch-pending"])
@pytest.mark.parametrize("variants", [(), ("no-cgla",)])
def test_cards_that_take_their_time(quirk, variants):
    driver = started_driver("bg95", four_profiles(frozenset({quirk})), *variants)
    transport = opened(driver)
    assert len(euicc.profiles(transport)) == 5
    assert euicc.enable(transport, EUROPE_ICCID, 0) == 0
    transport.close()
    assert restart.wait(driver)
    assert restart.identity(driver)[1] == EUROPE.encode()


def test_without_a_refresh_the_card_is_started_again():
    driver = started_driver("bg95", four_profiles(frozenset({"no-refresh"})))
    transport = opened(driver)
    assert [euicc.enable(transport, EUROPE_ICCID, way) for way in (0, 1)] == [127, 0]
    transport.close()
    assert not restart.wait(driver)
    assert restart.identity(driver)[1] != EUROPE.encode()
    restart.force(driver)
    assert restart.identity(driver) == (EUROPE_ICCID, EUROPE.encode())


def test_a_profile_whose_class_is_left_out_is_an_operational_one():
    card = four_profiles(frozenset({"default-class"}))
    kinds = [each.kind for each in euicc.profiles(opened(started_driver("bg95", card)))]
    assert kinds == [each.kind for each in card.profiles]


def test_by_aid():
    transport = opened(started_driver("bg95", four_profiles(frozenset({"aid-only"}))))
    assert [euicc.enable(transport, EUROPE_ICCID, way) for way in (0, 1, 2)] == [1, 1, 0]


def test_notifications_are_retrieved_and_removed():
    card = four_profiles()
    driver = started_driver("bg95", card)
    transport = opened(driver)
    euicc.enable(transport, EUROPE_ICCID, 1)
    (first, operation, iccid), _ = euicc.notifications(transport)
    assert (operation, iccid) == (0x40, EUROPE_ICCID)
    assert len(euicc.notification(transport, first)) > 64
    removal = bytes([0xBF, 0x30, 3, 0x80, 1, first])
    assert [transport.send(removal)[-1] for _ in range(2)] == [0, 1]
    assert len(card.notifications) == 1


def test_only_leftovers_are_deleted():
    card = four_profiles()
    transport = opened(started_driver("bg95", card))
    assert euicc.delete(transport, EUROPE_ICCID) == 0
    assert euicc.delete(transport, iccid_bytes("8931440400012345678")) == euicc.GUARDED
    assert euicc.delete(transport, iccid_bytes("8988000000000000001")) == euicc.NOT_FOUND  # not operational
    assert len(card.profiles) == 4


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_an_applet(dialect):
    card = applet_card()
    driver = started_driver(dialect, card)
    driver.stop(False)
    driver.start(True, False)  # the toolkit is on from this boot
    driver.await_card()
    assert applet.menu(driver) == [(1, "Europe"), (2, "CIS"), (3, "China")]
    assert applet.choose(driver, 2)
    assert restart.identity(driver)[1] == CIS.encode()
    modem = driver.port
    modem.air.causes = {"26201": 11, "26202": 11, "26203": 11}
    driver.accepts(b"+COPS=2")
    driver.accepts(b"+COPS=0")
    assert driver.attach(180, 300, 0)[0] == DENIED
    assert card.rotations[0] == ("", CIS) and len(card.rotations) > 1
    assert card.imsi in (EUROPE, CHINA)
