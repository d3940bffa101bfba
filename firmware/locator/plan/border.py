"""Who was not heard of since a border, since a switch of profiles, or since data was barred. Imported where
that can be."""

from micropython import const

from locator.plan import budget
from locator.plan import state as st

NOTHING = const(0)
LOOK = const(1)
REPORT = const(2)

# Between looks: on the move what is heard changes; standing where the networks of the country before are
# heard, the guide has put the border in the wrong place.
_MOVING_S = const(600)
_STANDING_S = const(3600)
# Tries in a day with which looks on the way come to an end: reports leave some for borders (plan/policy.py),
# and two of these are for behind it.
_MOST_BEFORE = const(22)
# Where on a leg of the line the border lies nobody knows, often just behind the station: a look at each
# quarter of it.
_LEG_PARTS = const(4)
_LEG_LEAST_S = const(600)


def due(state, journey):
    """What to do about it now; `journey` as in plan/policy.py. A look comes first: what is heard tells
    the country, and without it an attempt is not worth its energy."""
    shut = is_shut(state)
    here = shut or is_unheard(state)
    if state[st.DID_PROBE]:
        seen = state[st.SEEN]
        return REPORT if here and seen and state[st.HELD_PLMN] in (0, seen) else NOTHING
    if (here or is_abroad(state, journey)) and not wait_s(state, here):
        return REPORT if shut else LOOK  # a look would register; what comes before a report only listens
    return LOOK if not here and _may_be_behind(state, journey) else NOTHING


def until(state, journey):
    """When who was not heard of, or runs towards a border, looks next; a time without end for others."""
    if is_unheard(state):
        return state[st.NOW] + wait_s(state, True)
    pause_s = _leg_pause_s(state, journey) if state[st.MOVING] else 0
    return state[st.NOW] + (pause_s or 1 << 28)


def wait_s(state, here):
    """Seconds until the next look, 0 when it may be now; `here`: `is_unheard`."""
    return max(0, budget.wait_s(state), _pause_s(state, here) - budget.since_try_s(state, 1))


def _pause_s(state, here):
    vain = max(state[st.LOOKS], state[st.TRY_FAILS])
    if state[st.MOVING] or state[st.EDGE]:
        return _MOVING_S * min(1 + vain // 2, 8)
    return _STANDING_S * (max(1, min(vain, 4)) if here else 4)


def _may_be_behind(state, journey):
    """Whether a train that is on its way over a border has run, since the look before, for a part of the leg.
    A stop is asked about too, unless a fix has told where it is: on the move the guide does not tell the
    border so well."""
    pause_s = _leg_pause_s(state, journey)
    has_run = not state[st.EDGE] if state[st.MOVING] else state[st.EDGE] and state[st.DID_FIX] != st.YES
    is_time = budget.since_try_s(state, 1) >= pause_s // 2  # a report on departure comes later in its wake
    return pause_s != 0 and has_run and is_time and budget.may_look(state, _MOST_BEFORE)


def _leg_pause_s(state, journey):
    """Seconds between looks on a leg that leads over a border, 0 on any other, with nothing to choose, behind
    the border by the guide, or after as many looks in vain."""
    if is_abroad(state, journey) or state[st.LOOKS] >= _LEG_PARTS:
        return 0
    is_over = bool(journey) and journey.next_mcc not in (0, state[st.MCC])
    return max(_LEG_LEAST_S, journey.leg_s // _LEG_PARTS) if is_over and state[st.CARD_DUE] else 0


def is_unheard(state):
    """Whether the agent has not heard of us since data was barred or, where the card has profiles, since a
    switch or a border."""
    if state[st.HELD_PLMN] != state[st.OPEN_PLMN]:
        return True
    if not state[st.CARD_DUE]:
        return False
    is_open = state[st.CARD_DUE] & (st.CARD_ASK | st.CARD_OPEN)
    return is_open != 0 or state[st.NETWORK] // 1000 not in (0, state[st.MCC])


def is_shut(state):
    """Whether the policy let no profile be used when it was asked last (card/switch.py)."""
    return 0 < state[st.CARD_UNTIL] == state[st.DATA_UNTIL]


def is_abroad(state, journey):
    """Whether the card has profiles to choose from, and the way leads, by the guide, through another country
    than that of the networks heard last."""
    return state[st.CARD_DUE] != 0 and bool(journey) and journey.mcc not in (0, state[st.MCC])
