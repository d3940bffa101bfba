"""Operator selection: whether another network of the country is worth an attempt. Imported when a session
over an expensive one is due."""

from micropython import const

from locator import state as st
from locator.scheduler import networks

# What an unknown operator costs: (probability in 1000, percent of the cheapest).
_COST_SPREAD = ((550, 100), (330, 208), (120, 631))
_DEARER = const(450)  # in 1000, than the cheapest
_MOST_PERCENT = const(1000)
# At its destination a container waits for an unknown time.
_STAYS_S = 86400
# Between two reports of a device that has more energy than it can spend.
_LEAST_MIN = 30


def choose(state, costs, forecast, known):
    """Return the PLMN of a network that is worth an attempt instead of the one in use, over which a session
    costs `known` mJ: the remaining sessions in this country would save more than an attach and a failed
    search cost; 0: none."""
    age = state[st.AGE_MIN]
    now_rate = _rate(age, known + costs.wake)
    minutes = (forecast.country_s or _STAYS_S) // 60
    hoped = _hoped(state, costs, now_rate)
    best, best_gain = 0, costs.attach * 13 // 10 + networks.search_mj(state, costs)
    for other in forecast.networks:
        if other == state[st.NETWORK] or networks.selected_lately(state, other):
            continue
        cost = _expected(state, costs, forecast, known, other)
        if cost:
            saves = now_rate - _rate(age, cost + costs.wake)
        else:
            saves = hoped
        if minutes * saves // 1000 > best_gain:
            best, best_gain = other, minutes * saves // 1000
    return best


def _expected(state, costs, forecast, known, plmn):
    """Return the mJ of a session over a network as learned or, before that, as the fleet knows it, relative
    to the one in use (`known` mJ) or the cheapest one; 0: unknown."""
    cost = networks.cost_of(state, plmn)
    if cost:
        return cost
    here, there = _percent(forecast, state[st.NETWORK]), _percent(forecast, plmn)
    return known * there // here if here else costs.session_mj * there // 100


def _percent(forecast, plmn):
    """Return the percent of the cost over the cheapest network, as the fleet knows it; 0: unknown."""
    at = forecast.networks.index(plmn) if plmn in forecast.networks else -1
    return min(forecast.costs[at], _MOST_PERCENT) if at >= 0 else 0


def _hoped(state, costs, now_rate):
    """Return the average saving by an unknown network, uJ a minute: the cheapest used one shows what a
    session over a cheap one costs, unless all of them were expensive."""
    least, doubt = 1 << 30, 1000
    for at in range(st.NETWORKS, st.NETWORKS + 2 * st.NETWORKS_KEPT, 2):
        if state[at + 1]:
            least, doubt = min(least, state[at + 1]), doubt * _DEARER // 1000
    age, saves = state[st.AGE_MIN], 0
    for share, percent in _COST_SPREAD:
        for part, cheap in ((1000 - doubt, least), (doubt, min(costs.session_mj, least))):
            rate = _rate(age, cheap * percent // 100 + costs.wake) if part else now_rate
            saves += share * part // 1000 * max(0, now_rate - rate)
    return saves // 1000


def _rate(age, cost):
    """Return the cost of sessions of `cost` mJ, energy and age together, at the best interval; in uJ a
    minute. That interval is age * sqrt(J) minutes, at which age costs as much as energy."""
    if age * age * cost < 1000 * _LEAST_MIN * _LEAST_MIN:
        return 1000 * cost // _LEAST_MIN + 1000000 * _LEAST_MIN // (age * age)
    return 2000 * networks.root(1000 * cost) // age
