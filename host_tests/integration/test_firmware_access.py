"""Allowed hosts of an access point: the drivers contact no others, and releases are pulled over their own
access point."""

from __future__ import annotations

from typing import Any

import pytest
from locator import state as st
from locator.downlink import handlers
from locator.modem import NotAllowed, ntp, sockets
from locator.scheduler import budget
from locator.session import update_apn as updates

from host_tests.support.session import CONTEXT, DIALECTS, OPEN, Locator
from host_tests.support.simulated_modem import HOST
from tools.modem.network.pdp import AccessPoint

ALLOWED = ((HOST.encode(), 8883),)
UPDATES = [b"updates", b"u", b"p", HOST.encode(), 8883]


class Talk:
    """A session that pulls three pieces."""

    def __init__(self, driver: Any) -> None:
        self.modem = driver
        self.pieces = 0

    def pull(self, messages: int) -> None:
        assert messages > 0
        self.modem.mqtt_publish(b"landbridge/lb-1/up", b"key 8")
        self.pieces += 3


@pytest.fixture(params=DIALECTS)
def locator(request, broker) -> Locator:
    made = Locator(request.param, broker)
    made.driver.hosts = made.driver.own_hosts = ALLOWED
    return made


def asked(locator: Locator) -> int:
    return sum(way == ">" for _, way, _ in locator.modem.lines)


def test_nothing_is_asked_of_the_modem_for_a_host_that_is_not_allowed(locator, broker):
    before, driver = asked(locator), locator.driver
    for host, port in ((b"evil.example", 8883), (HOST.encode(), 1883)):
        with pytest.raises(NotAllowed):
            driver.mqtt_open(host, port, b"lb-1", b"secret", broker.ca)
        with pytest.raises(NotAllowed):
            sockets.make(driver).open(host, port, broker.ca)
    assert ntp.ask(driver) is None
    if driver.FETCHES_ASSISTANCE:
        assert not driver.part("assistance").download(driver)
    assert asked(locator) == before
    assert locator.contact() == 2  # the one host that is allowed


def test_the_broker_is_that_of_the_access_point(locator):
    locator.driver.use(b"private", (b"", b""), ((HOST.encode(), 8883), (b"time.example", 123)))
    locator.config.broker_host = b"nowhere.example"
    assert locator.contact() == 2
    locator.driver.use(b"iot", (b"", b""), ())
    assert locator.driver.hosts == ALLOWED


def _pull(locator: Locator) -> Talk:
    talk = Talk(locator.driver)
    locator.driver.updates = UPDATES
    locator.state[st.TO_REPORT] = st.REPORT_PULL
    updates.run(locator.driver, locator.state, locator.config, talk)
    return talk


def test_updates_go_over_their_own_access_point_and_back(locator):
    points = {"iot": AccessPoint(frozenset()), "updates": AccessPoint(frozenset({(HOST, 8883)}))}
    locator.modem.simulated.knows({locator.modem.simulated.unit.card.imsi: points})
    assert _pull(locator).pieces == 3
    assert locator.state[st.PULLED_TODAY] == 0  # they are counted as they are asked for
    driver = locator.driver
    assert (driver.board.apn, driver.login, driver.hosts) == (b"iot", (b"", b""), ALLOWED)
    left = locator.modem.simulated.unit.nv.contexts[1]
    assert (left.apn, left.user, left.password) == (
        "iot",
        "",
        "",
    )  # no access point gets the login of another
    assert not locator.modem.simulated.unit.pdp.address
    assert locator.state[st.TO_REPORT] == 0


@pytest.mark.parametrize("cause", [27, 33])
def test_an_access_point_for_updates_that_is_refused_costs_a_day_without_updates(locator, cause):
    known = {"iot": AccessPoint(), "updates": AccessPoint(None, cause)}
    if cause == 27:
        del known["updates"]
    locator.modem.simulated.knows({locator.modem.simulated.unit.card.imsi: known})
    assert _pull(locator).pieces == 0
    locator.state[st.LOADED_MV] = 3600
    assert budget.pulls_left(locator.state) == 0
    assert (locator.state[st.DATA_UNTIL], locator.state[st.DATA_REFUSALS]) == (0, 0)
    dialect = locator.driver.KIND
    assert 1 <= locator.commands_sent(CONTEXT[dialect]) <= 2 and not locator.commands_sent(OPEN[dialect])
    assert locator.contact() == 2  # positions go on as ever


def test_only_requests_for_pieces_are_sent_over_it():
    state = st.new()
    made = handlers.Handlers(None, None, None, None, state, None)
    for bit in (1, 4, 8, 128):
        made.will_report(bit)
    made.may_report = ~st.REPORT_PULL
    state[st.TO_REPORT] = st.REPORT_PULL
    assert not made.to_report()
    made.may_report = st.REPORT_PULL
    assert made.to_report()
    state[st.TO_REPORT] = 1 | 8 | 128
    assert not made.to_report()
