"""The state after a step of a wake in which the modem fails."""

import sys

import scripted
from locator import settings, unload, wake
from locator import state as st
from locator.actions import off, position, register
from locator.journal.log import Log
from locator.modem import AS_IT_IS, DENIED, NO_SERVICE, REGISTERED, Cell, ModemRestarted, ModemSilent
from scripted import OK


class Action:
    limit_s = 5


class Step(wake.Wake):
    """A wake in mid-course, on a modem that answers from a table."""

    def __init__(self, driver, table):
        table.clock_s = lambda: table.now // 1000
        table.random = bytes
        table.senses = lambda: (3600, 200, 0, 0, 0, 0, 0)
        self.port, self.modem = table, driver
        self.state, self.log, self.settings = st.new(), Log(), settings.defaults()
        self.fix, self.motion, self.loaded = None, 0, list(sys.modules)
        self.senses = (0, 0, 0, 3600, 200, 0, 0, 0, 0, 0)


def found(**answers):
    """The BG95 after a search, and its table; `answers` by the letters of a command."""
    driver, table = scripted.bg95()
    table.answers[b"+QGPSLOC"] = b"\r\n+CME ERROR: 516\r\n"
    for name, answer in answers.items():
        table.answers[b"+" + name.encode()] = answer
    position.run(Step(driver, table), Action())
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
    position.run(Step(driver, table), Action())


class Noting:
    """A pace that notes which modules read a fix, when there is one."""

    seen: list = []

    def found(self, *_):
        self.seen = receivers()


def receivers():
    return [name for name in sys.modules if name == "locator.modem.gnss"]


def test_modules_imported_by_an_action_are_unloaded_after_it():
    unload("modem.gnss", "modem.bg95.gnss")
    driver, table = scripted.bg95()
    fix = b"061951.0,31.50722,117.11929,0.7,62.2,2,0.0,0.0,0.0,110526,09"
    table.answers[b"+QGPSLOC"] = b"\r\n+QGPSLOC: " + fix + b"\r\n" + OK
    step = Step(driver, table)
    step.pace = Noting()
    step.act("position", Action())
    assert step.pace.seen and receivers() == []


def test_a_modem_that_restarts_in_the_search_is_started_again():
    driver, table = found(QGPSLOC=b"\r\nRDY\r\n")
    assert not driver.on and b"+QGPSEND" not in table.sent


def test_sleep_ends_when_the_decided_action_is_due():
    step = Step(*scripted.bg95())
    step.port.now, step.senses = 63900, (60,)  # a minute went into counting
    assert step._asleep_ms(900) == 897000
    assert step._asleep_ms(2) == 1000


class Operators:
    """A modem that is on; `came`: what the attempts to register come to."""

    on, FETCHES_ASSISTANCE = True, False

    def __init__(self, *came):
        self.came, self.asked = list(came), []

    def attach(self, limit_s, patience_s, plmn, allowed=0):
        self.asked.append((plmn, allowed))
        self.missed = self.in_scan
        came = self.came.pop(0)
        if came == "silent":
            raise ModemSilent("COPS")
        return came, self.late if came == REGISTERED else 0

    SERVICES = ()

    def cell(self):
        return Cell(250001, 1, 1, -90, -90)

    def network_time(self):
        return 800_000_000

    def supply_mv(self):
        return 3600

    def identity(self):
        return "", "", "", ""

    def card_gone(self):
        return False

    late = 0  # the cause of a refusal that comes after the attempt
    in_scan = missed = 0  # of one that comes before it

    def serves(self, limit_ms):
        return False, self.late

    def radio_off(self):
        self.on = "silent"


class Attempt(Step):
    """An attempt to register with the operator `plmn`, while `reported` is selected in the modem."""

    def __init__(self, reported, *came):
        super().__init__(Operators(*came), scripted.bg95()[1])
        self.state[st.ALLOWED_PLMN] = reported
        self.saved = None
        self.kept = self

    def to(self, plmn):
        action = Action()
        action.plmn, action.patience_s, action.mcc = plmn, 0, 0
        register.run(self, action)
        return self.state[st.ALLOWED_PLMN]

    def attempt(self):
        """As of what it keeps."""
        self.saved = self.state[st.ALLOWED_PLMN]

    class pace:
        unserved = staticmethod(lambda *_: None)
        to = staticmethod(lambda *_: None)


def test_the_operator_in_use_is_kept_only_after_the_modem_has_answered():
    for came, known in ((REGISTERED, 250002), (NO_SERVICE, 250002), (DENIED, 0), ("silent", 0)):
        attempt = Attempt(250009, came, REGISTERED)
        assert attempt.to(250002) == (250001 if came == REGISTERED else known)
        assert attempt.saved == 0  # a power cut may come before it has heard
        assert attempt.modem.asked[0] == (250002, 250009)


def test_a_refusal_after_the_last_question_starts_the_pause():
    for late, pauses in ((0, False), (6, True)):
        attempt = Attempt(0, NO_SERVICE)
        attempt.modem.late = late
        attempt.to(0)
        assert (attempt.state[st.REFUSED_UNTIL] > 0) == pauses and attempt.modem.on == "silent"


def test_a_refusal_that_came_in_a_scan_before_the_attempt_begins_the_pause():
    attempt = Attempt(0, NO_SERVICE)
    attempt.modem.in_scan = 3
    attempt.to(0)
    assert attempt.state[st.REFUSED_UNTIL] > 0


def test_an_attempt_that_is_refused_counts_the_networks_that_the_modem_has_asked_by_itself():
    for plmn, result, cause, missed, tries in (
        (0, NO_SERVICE, 22, 0, 3),
        (0, NO_SERVICE, 0, 0, 1),
        (250002, NO_SERVICE, 22, 0, 1),
        (250002, NO_SERVICE, 0, 22, 3),
        (0, REGISTERED, 22, 0, 3),
        (0, REGISTERED, 0, 0, 1),
    ):
        attempt = Attempt(0, result, result)
        attempt.port.now = 3600000
        attempt.modem.late, attempt.modem.in_scan = cause, missed
        attempt.to(plmn)
        assert tried(attempt) == tries, (plmn, cause)


def tried(step):
    return sum(1 for time in step.state[st.ATTEMPTS : st.ATTEMPTS + st.ATTEMPTS_KEPT] if time)


class GoesOff:
    """A modem that powers off, or has to have its supply cut."""

    def __init__(self, goes):
        self.goes, self.lost_supply = goes, False

    on = True

    def start(self, surely_off, configure):
        self.on = True

    def stop(self, park):
        assert self.on
        if not self.goes:
            raise ModemSilent("CPOF")
        return False

    def cut_supply(self):
        self.lost_supply = True


def test_recovery_cuts_the_supply_at_the_end_of_the_wake_and_only_once():
    for goes, fails, cuts in ((True, 8, 1), (False, 8, 0), (True, 0, 0)):
        step = Step(GoesOff(goes), scripted.bg95()[1])
        step.cut_due = True
        step.state[st.ATTEMPT_FAILS], step.state[st.CONFIGURED], step.state[st.EPHEMERIS] = fails, 1, 1
        off.run(step)
        assert step.port.pins.count(("rail", False)) == cuts
        assert step.state[st.CONFIGURED] == step.state[st.EPHEMERIS] == (0 if fails else 1)


def test_a_modem_that_has_restarted_by_itself_does_not_stay_on_through_the_sleep():
    step = Step(GoesOff(True), scripted.bg95()[1])
    step.pace, step._was_on = Attempt.pace, True
    step.lost(ModemRestarted("RDY"))
    assert step.modem.on is None
    off.run(step)
    assert step.modem.on


def test_an_earlier_operator_does_not_count_for_the_present_one():
    for wanted, tries in ((0, 3), (250002, 1)):
        attempt = Attempt(250009, NO_SERVICE)
        attempt.port.now = 3600000
        attempt.modem.late = 22
        attempt.to(wanted)
        assert tried(attempt) == tries


def test_the_locked_operator_was_set_before():
    attempt = Attempt(0, REGISTERED, REGISTERED)
    assert attempt.to(0) == 250001 and attempt.modem.asked == [(0, 0), (250001, 0)]


class Serves:
    """A modem that was only looking for a network."""

    def __init__(self, served, cause):
        self.answer, self.off = (served, cause), False

    def serves(self, limit_ms):
        return self.answer

    def radio_off(self):
        self.off = True


def test_a_refusal_after_a_scan_comes_before_the_modem_shuts_down_or_not_at_all():
    for served, cause, is_off in ((False, 0, True), (False, 3, False), (True, 0, False)):
        step = Step(Serves(served, cause), scripted.bg95()[1])
        step.port.now, step.state[st.DID_SCAN] = 3600000, st.NO
        assert not off.may_stay_registered(step)
        assert tried(step) == (2 if cause else 0)  # the first one is the scan
        assert step.modem.off is is_off
        assert (step.state[st.REFUSED_UNTIL] > 0) is (cause == 3)


def test_after_a_scan_the_choice_stays_unless_another_operator_is_locked():
    cases = (
        (0, 0, AS_IT_IS),
        (250001, 0, AS_IT_IS),
        (250009, 0, 0),
        (250009, 250001, AS_IT_IS),
        (0, 250002, 250002),
    )
    for reported, plmn, wanted in cases:
        attempt = Attempt(reported, NO_SERVICE)
        attempt.state[st.HEARD_PLMN] = 250001
        attempt.to(plmn)
        assert attempt.modem.asked == [(wanted, reported)]
