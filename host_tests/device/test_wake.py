"""What one step of a wake leaves behind when the modem fails in it."""

import scripted
from locator import settings, wake
from locator.journal.log import Log
from locator.plan import state as st
from scripted import OK


class Action:
    limit_s = 5


class Step(wake.Wake):
    """A wake in mid-course, on a modem that answers from a table."""

    def __init__(self, driver, table):
        table.clock_s = lambda: table.now // 1000
        self._port, self._modem = table, driver
        self._state, self._log, self._settings = st.new(), Log(), settings.defaults()
        self._fix = None


def found(**answers):
    """The BG95 after a search, and its table; `answers` by the letters of a command."""
    driver, table = scripted.bg95()
    table.answers[b"+QGPSLOC"] = b"\r\n+CME ERROR: 516\r\n"
    for name, answer in answers.items():
        table.answers[b"+" + name.encode()] = answer
    Step(driver, table)._find(Action())
    return driver, table


def test_gnss_is_switched_off_whatever_the_search_comes_to():
    refused = b"\r\nERROR\r\n"
    failures = ({}, {"QGPSLOC": refused}, {"QGPSLOC": None}, {"QGPSLOC": [None, OK]}, {"QGPS=1": refused})
    for answers in failures:
        driver, table = found(**answers)
        assert table.sent[-2:] == [b"+QGPSEND", b'+QGPSCFG="priority",1,0'], answers
        assert driver.on


def test_gnss_that_cannot_be_switched_off_ends_no_wake():
    driver, table = found(QGPSEND=None)
    assert driver.on and table.sent[-1] == b'+QGPSCFG="priority",1,0'
    table.answers[b""] = None
    Step(driver, table)._find(Action())


def test_a_modem_that_restarts_in_the_search_is_started_anew():
    driver, table = found(QGPSLOC=b"\r\nRDY\r\n")
    assert not driver.on and b"+QGPSEND" not in table.sent
