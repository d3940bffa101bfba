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
_MOVING_S = const(1200)
_STANDING_S = const(3600)


def due(state, journey):
    """What to do about it now; `journey` as in plan/policy.py. A look comes first: what is heard tells
    the country, and without it an attempt is not worth its energy."""
    shut = is_shut(state)
    here = shut or is_unheard(state)
    if state[st.DID_PROBE]:
        seen = state[st.SEEN]
        return REPORT if here and seen and state[st.HELD_PLMN] in (0, seen) else NOTHING
    if not (here or is_abroad(state, journey)):
        return NOTHING
    if wait_s(state, here):
        return NOTHING
    return REPORT if shut else LOOK  # a look would register; what comes before a report only listens


def until(state):
    """When who was not heard of looks next; a time without end for others."""
    return state[st.NOW] + (wait_s(state, True) if is_unheard(state) else 1 << 28)


def wait_s(state, here):
    """Seconds until the next look, 0 when it may be now; `here`: `is_unheard`."""
    return max(0, budget.wait_s(state), _pause_s(state, here) - budget.since_try_s(state, 1))


def _pause_s(state, here):
    vain = max(state[st.LOOKS], state[st.TRY_FAILS])
    if state[st.MOVING] or state[st.EDGE]:
        return _MOVING_S * min(1 + vain // 4, 4)
    return _STANDING_S * (max(1, min(vain, 4)) if here else 4)


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
