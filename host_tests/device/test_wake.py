"""What one step of a wake leaves behind when the modem fails in it."""

import scripted
import woken
from locator import settings, wake
from locator import state as st
from locator.hal import DEEPSLEEP_RESET, HARD_RESET, POWER_ON, WATCHDOG_RESET
from locator.journal import rtc
from locator.journal.ledger import Ledger
from locator.journal.log import Log
from locator.journal.store import Journal
from locator.modem import AS_IT_IS, DENIED, NO_SERVICE, REGISTERED, Cell, ModemSilent
from scripted import OK


class Action:
    limit_s = 5


class Step(wake.Wake):
    """A wake in mid-course, on a modem that answers from a table."""

    def __init__(self, driver, table):
        table.clock_s = lambda: table.now // 1000
        table.random = bytes
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


def test_it_sleeps_until_what_was_decided_about_is_due():
    step = Step(*scripted.bg95())
    step._port.now, step._senses = 63900, (60,)  # a minute was spent on counting
    assert step._asleep_ms(900) == 897000
    assert step._asleep_ms(2) == 1000


class Operators:
    """A modem that is on; `came`: what the attempts to register come to."""

    on, FETCHES_ORBITS = True, False

    def __init__(self, *came):
        self.came, self.asked, self.parts = list(came), [], []

    def attach(self, limit_s, patience_s, plmn, told=0):
        self.asked.append((plmn, told))
        came = self.came.pop(0)
        if came == "silent":
            raise ModemSilent("COPS")
        return came, 0

    SERVICES = ()

    def cell(self):
        return Cell(250001, 1, 1, -90, -90)


class Attempt(Step):
    """An attempt to register with the operator `plmn`, told to the modem being `told`."""

    def __init__(self, told, *came):
        super().__init__(Operators(*came), scripted.bg95()[1])
        self._state[st.TOLD_PLMN] = told
        self.saved = None

    def to(self, plmn):
        action = Action()
        action.plmn, action.patience_s, action.mcc = plmn, 0, 0
        self._attach(action)
        return self._state[st.TOLD_PLMN]

    def _save_attempt(self):
        self.saved = self._state[st.TOLD_PLMN]

    def _nothing(self, *_):
        return None

    _card = _read_card = _take_network_time = _weigh = _note = _nothing

    class _pace:
        unserved = staticmethod(lambda *_: None)


def test_what_the_modem_was_told_is_known_only_once_it_has_answered():
    for came, known in ((REGISTERED, 250002), (NO_SERVICE, 250002), (DENIED, 0), ("silent", 0)):
        attempt = Attempt(250009, came, REGISTERED)
        assert attempt.to(250002) == (250001 if came == REGISTERED else known)
        assert attempt.saved == 0  # a power cut may come before it has heard
        assert attempt._modem.asked[0] == (250002, 250009)


def test_the_operator_that_is_held_was_told():
    attempt = Attempt(0, REGISTERED, REGISTERED)
    assert attempt.to(0) == 250001 and attempt._modem.asked == [(0, 0), (250001, 0)]


class Serves:
    """A modem that was only looking for a network."""

    def __init__(self, served, cause):
        self.told, self.off = (served, cause), False

    def serves(self, limit_ms):
        return self.told

    def radio_off(self):
        self.off = True


def test_a_refusal_behind_a_look_comes_before_the_modem_shuts_down_or_not_at_all():
    for served, cause, off in ((False, 0, True), (False, 3, False), (True, 0, False)):
        step = Step(Serves(served, cause), scripted.bg95()[1])
        step._state[st.DID_PROBE] = st.NO
        assert not step._may_park()
        assert step._modem.off is off
        assert (step._state[st.REFUSED_UNTIL] > 0) is (cause == 3)


def test_behind_a_look_the_choice_stays_unless_another_operator_is_held():
    cases = (
        (0, 0, AS_IT_IS),
        (250001, 0, AS_IT_IS),
        (250009, 0, 0),
        (250009, 250001, AS_IT_IS),
        (0, 250002, 250002),
    )
    for told, plmn, wanted in cases:
        attempt = Attempt(told, NO_SERVICE)
        attempt._state[st.SEEN] = 250001
        attempt.to(plmn)
        assert attempt._modem.asked == [(wanted, told)]


def test_only_a_wake_that_comes_to_its_end_leaves_what_the_journal_knows():
    it = woken.device("", 3100)
    saved = []
    write = it._port.rtc_write
    it._port.rtc_write = lambda data: (saved.append(rtc.journal_of(bytes(data))), write(data))
    woken.live(it, 1)
    assert len(it._journal.files) == 1
    assert saved[-1] == it._journal.keep() and not any(len(each) for each in saved[:-1])
    it._modem = woken.Modem("fix")
    it._state[st.SKIP_FIX], before = 0, len(saved)
    while woken.live(it, 1) == 0:
        before = len(saved)
    assert saved[before:] and not any(len(each) for each in saved[before:])


class Reset(woken.Port):
    """After a reset for `cause`; the last wake knew of one file, and somebody has made another."""

    config_dir, modem_rail = "", print

    def __init__(self, cause):
        woken.Port.__init__(self)
        self.reset_cause = cause
        Journal(self.data_dir, Ledger(self.data_dir, 0)).append([1] * 20)
        one = Journal(self.data_dir, Ledger(self.data_dir, 0))
        room = bytearray(1024)
        data = rtc.pack_into(room, st.kept(st.new()), b"")
        self.rtc_memory = bytes(rtc.pack_journal(room, data, one.keep()))
        one._room = 0
        one.append([1] * 20)


def test_what_the_journal_knew_counts_after_a_deep_sleep_only():
    kept = wake.Config
    known = wake.Journal
    files = []
    wake.Journal = lambda *us: files.append(known(*us).files) or 1 / 0
    try:
        wake.Config = lambda folder: None
        for cause in (DEEPSLEEP_RESET, POWER_ON, HARD_RESET, WATCHDOG_RESET):
            try:
                wake.Wake(Reset(cause), Board, (), 0)
            except ZeroDivisionError:
                pass
    finally:
        wake.Config, wake.Journal = kept, known
    assert files == [[1], [1, 2], [1, 2], [1, 2]]


class Board:
    MODEM = "bg95"
