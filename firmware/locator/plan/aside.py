"""Whether another network of the country is worth a look. Imported when a report over a dear one is due."""

from locator.plan import networks, policy
from locator.plan import state as st

# What an unknown operator costs: (probability in 1000, percent of the cheapest).
_COST_SPREAD = ((550, 100), (330, 208), (120, 631))
# At its goal a container waits for nobody knows how long.
_STAYS_S = 86400
# Between two reports of a device that has more energy than it can spend.
_LEAST_MIN = 30


def choose(state, costs, journey, known):
    """PLMN of a network that beats the one in use, over which a report costs `known` mJ: what the reports
    still to come in this country would save is more than an attach and a search in vain; 0: none does."""
    age = state[st.AGE_MIN]
    now_rate = _rate(age, known + costs.wake)
    minutes = (journey.country_s or _STAYS_S) // 60
    best, best_gain = 0, costs.attach * 13 // 10 + costs.scan
    for other in journey.networks:
        if other == state[st.NETWORK] or networks.looked_lately(state, other):
            continue
        cost = networks.expected(state, costs, journey, other)
        if cost:
            saves = now_rate - _rate(age, cost + costs.wake)
        else:
            saves = _hoped(age, costs, now_rate)
        if minutes * saves // 1000 > best_gain:
            best, best_gain = other, minutes * saves // 1000
    return best


def _hoped(age, costs, now_rate):
    """What a network of which nothing is known saves on average, uJ a minute."""
    saves = 0
    for share, percent in _COST_SPREAD:
        saves += share * max(0, now_rate - _rate(age, costs.upload * percent // 100 + costs.wake))
    return saves // 1000


def _rate(age, cost):
    """What reports of `cost` mJ take a minute, energy and staleness, at the best interval; in uJ.

    That interval is age * sqrt(J) minutes, and staleness takes as much as energy then."""
    if age * age * cost < 1000 * _LEAST_MIN * _LEAST_MIN:
        return 1000 * cost // _LEAST_MIN + 1000000 * _LEAST_MIN // (age * age)
    return 2000 * policy.root(1000 * cost) // age
