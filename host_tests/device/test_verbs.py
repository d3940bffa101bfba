"""What the verbs of a wake tell the modem beside what the plan has decided."""

from locator.modem import plausible_cell
from locator.plan import ATTACH, PROBE, Action
from locator.plan import state as st
from woken import device

HOUR = 3600
GERMANY = 262


def kept(told, **others):
    """Whether a look lets a modem that was told to use only `told` keep to that."""
    it = device("", 3600)
    it._state[st.TOLD_PLMN] = told
    for name, plmn in others.items():
        it._state[getattr(st, name)] = plmn
    it._probe(Action(PROBE, 0, 12))
    return it._modem.is_kept


def test_a_look_keeps_an_operator_that_is_held_chosen_or_used_and_no_other():
    assert kept(0)
    assert not kept(262003)
    for name in ("HELD_PLMN", "CHOSEN_PLMN", "NETWORK"):
        assert kept(262003, **{name: 262003}) and not kept(262003, **{name: 262002})


def searches(gsm, hours, seen=0):
    """How often the modem was set to search, in three attempts, the first so many hours before the others and
    the last behind a look where that has `seen` a network; and how many tries the last counts as."""
    it = device("", 3600)
    it._modem.hears = plausible_cell(262002, 1, 2, -80, gsm)
    it._state[st.NOW], it._state[st.MCC], it._state[st.MOVING] = 100 * HOUR, GERMANY, 1
    it._attach(Action(ATTACH, 0, 50, mcc=GERMANY))
    it._state[st.NOW] += hours * HOUR
    it._attach(Action(ATTACH, 0, 50, mcc=GERMANY))
    it._state[st.SEEN] = seen
    tries = it._state[st.NEXT_TRY]
    it._attach(Action(ATTACH, 0, 50, mcc=GERMANY))
    return it._modem.asked.count("prefer"), it._state[st.NEXT_TRY] - tries


def test_on_gsm_the_modem_searches_anew_hours_later_behind_a_look_too():
    assert searches(False, 2) == (1, 1)
    assert searches(True, 1) == (1, 1)
    assert searches(True, 2) == (2, 1)
    assert searches(True, 2, 262002) == (2, 2), "to search again asks the network again"
