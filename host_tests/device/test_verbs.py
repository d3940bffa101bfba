"""Requests of a wake's verbs to the modem in addition to the scheduler's decisions."""

from locator import clock
from locator import state as st
from locator.actions import register, scan, session
from locator.modem import AS_IT_IS, REGISTERED, plausible_cell
from locator.scheduler import ATTACH, SCAN, Action
from woken import device

HOUR = 3600
GERMANY, RUSSIA = 262, 250


def kept(reported, **others):
    """Whether a scan lets a modem that was set to use only the operator `reported` keep to it."""
    it = device("", 3600)
    it.state[st.ALLOWED_PLMN] = reported
    for name, plmn in others.items():
        it.state[getattr(st, name)] = plmn
    scan.run(it, Action(SCAN, 0, 12))
    return it.modem.is_kept


def test_a_scan_keeps_an_operator_that_is_locked_chosen_or_used_and_no_other():
    assert not kept(262003)
    assert not kept(0) and not kept(0, CHOSEN_PLMN=262003), "it may keep to one that refused it"
    assert kept(0, LOCKED_PLMN=262003)
    for name in ("LOCKED_PLMN", "CHOSEN_PLMN", "NETWORK"):
        assert kept(262003, **{name: 262003}) and not kept(262003, **{name: 262002})
        assert kept(262003, SCANS_FAILED=1, **{name: 262003}) is (name == "LOCKED_PLMN"), "it was not there"


def counted(heard, asleep):
    """Attempts that a scan counts which has `heard` a network, of a modem that sleeps registered or not."""
    it = device("", 3600)
    it.modem.hears = plausible_cell(heard, 1, 2, -80, False) if heard else None
    it.state[st.LAST_PLMN], it.state[st.IN_PSM], before = 262003, asleep, it.state[st.NEXT_ATTEMPT]
    scan.run(it, Action(SCAN, 0, 12))
    return it.state[st.NEXT_ATTEMPT] - before


def test_a_scan_counts_as_an_attempt_where_the_modem_has_left_its_network():
    assert counted(262003, 1) == 0, "it is registered, and asks nobody"
    assert counted(262001, 1) == 1 and counted(0, 1) == 1
    assert counted(262001, 0) == 1 and counted(0, 0) == 1


def held(mcc, heard, plmn=0, allowed=0):
    """The operators that the modem selects, AS_IT_IS: none, while it registers with that of `mcc`; a
    scan before has `heard` one."""
    it = device("", 3600)
    selected = []
    it.modem.attach = lambda limit_s, patience_s, plmn, allowed=0: selected.append(plmn) or (REGISTERED, 0)
    it.modem.hears = plausible_cell(1000 * mcc + 1, 1, 2, -80, False)
    it.state[st.HEARD_PLMN], it.state[st.ALLOWED_PLMN] = heard, allowed
    register.run(it, Action(ATTACH, 0, 50, plmn=plmn, mcc=mcc))
    return selected, it.state[st.ALLOWED_PLMN]


def test_in_russia_the_operator_is_held_however_it_was_found():
    assert held(RUSSIA, 0) == ([0, 250001], 250001)
    assert held(RUSSIA, 250001) == ([AS_IT_IS, 250001], 250001), "the modem may still choose another one"
    assert held(RUSSIA, 250001, 250001, 250001) == ([AS_IT_IS], 250001), "it is held already"
    assert held(RUSSIA, 0, 250001) == ([250001], 250001)
    assert held(GERMANY, 262001) == ([AS_IT_IS], 0)


def searches(gsm, hours, seen=0, mcc=GERMANY):
    """What the modem is set to in three attempts to register, the first so many hours before the others, the
    last for `mcc` and after a scan where that has `seen` a network."""
    it = device("", 3600)
    it.modem.hears = plausible_cell(262002, 1, 2, -80, gsm)
    it.state[st.NOW], it.state[st.MCC], it.state[st.MOVING] = 100 * HOUR, GERMANY, 1
    register.run(it, Action(ATTACH, 0, 50, mcc=GERMANY))
    it.state[st.NOW] += hours * HOUR
    register.run(it, Action(ATTACH, 0, 50, mcc=GERMANY))
    it.state[st.HEARD_PLMN] = seen
    register.run(it, Action(ATTACH, 0, 50, mcc=mcc))
    return [verb for verb in it.modem.asked if verb != "attach"]


def test_on_gsm_the_modem_searches_again_hours_later_but_not_after_a_scan():
    assert searches(False, 2) == ["search"]
    assert searches(True, 1) == ["search"]
    assert searches(True, 2) == ["search", "search again"]
    assert searches(True, 2, 262002) == ["search"], "it would ask the network twice within the minute"


def test_all_networks_are_searched_when_that_is_asked_for():
    assert searches(False, 2, 0, 0) == ["search", "search"]
    assert searches(True, 2, 0, 0) == ["search", "search again"]


def test_the_time_of_an_agent_that_is_years_off_is_not_taken():
    it = device("", 3600)
    it.network = clock.network(it.port, it.modem, it.state)
    ours, year = it.state[st.OFFSET], 365 * 24 * HOUR
    for wrong in (10 * year, -10 * year, 48 * HOUR):
        session.set_clock(it, 800_000_000 + wrong)
        assert it.state[st.OFFSET] == ours, wrong
    session.set_clock(it, 800_000_000 + 600)
    assert it.state[st.OFFSET] == ours + 600


def test_where_agent_and_network_agree_ours_is_set_right():
    it = device("", 3600)
    it.network = clock.network(it.port, it.modem, it.state)
    ours = it.state[st.OFFSET]
    it.state[st.OFFSET] += 365 * 24 * HOUR  # as another network had said at power-on
    it.network = clock.network(it.port, it.modem, it.state)
    assert it.state[st.OFFSET] != ours
    session.set_clock(it, 800_000_000)
    assert it.state[st.OFFSET] == ours
