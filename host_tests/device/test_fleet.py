"""The fleet's knowledge of coverage: trusted until it proves wrong; sessions that wait for a better place."""

from locator import state as st
from locator.scheduler import fleet, networks

HOUR_S = 3600
KINDS = range(7)


class Costs:
    """What this needs of the costs of a device, mJ."""

    scan_mj = 1500
    wake = 400


def made(age_s=6 * HOUR_S):
    state = st.new()
    state[st.NOW] = 1000 * HOUR_S
    state[st.LAST_SESSION] = state[st.NOW] - age_s
    return state


def shares(state):
    return [fleet.share(state, kind) for kind in KINDS]


def look(state, kind, dbm, times):
    state[st.PLACE] = networks.LEARNED + kind
    for _ in range(times):
        networks.learn_scan(state, Costs, 401001 if dbm else 0, dbm)


def test_it_is_believed_at_first():
    assert shares(made()) == [970, 900, 750, 500, 250, 100, 30]
    assert networks.share(made(), networks.LEARNED + 1) == 900


def test_scans_that_confirm_the_route_data_change_little():
    state = made()
    for _ in range(20):
        look(state, 0, -90, 1)
        look(state, 6, 0, 1)
        for found in (-90, 0, -90, 0):
            look(state, 3, found, 1)
    for now, before in zip(shares(state), shares(made())):  # noqa: B905 as on MicroPython
        assert abs(now - before) < 130


def test_where_good_places_are_no_better_than_others_nothing_is_left():
    state = made()
    for i in range(60):
        look(state, 0, -90 if i % 2 else 0, 1)
        look(state, 5, -90 if i % 2 else 0, 1)
    found = shares(state)
    assert max(found) - min(found) < 150 and 300 < min(found) and max(found) < 700


def test_a_weak_network_is_not_well_heard():
    state = made()
    look(state, 0, -120, 30)
    assert fleet.share(state, 0) < 300


def test_errors_stay_in_their_number():
    state = made()
    look(state, 0, 0, 200)
    look(state, 6, -90, 200)
    assert 0 < state[st.FLEET_ERRORS] < 1 << 30
    assert all(20 <= each <= 980 for each in shares(state))


def waits(ahead, kind, age_s=6 * HOUR_S):
    state = made(age_s)
    probe = 1000 * Costs.scan_mj // fleet.share(state, kind)
    return fleet.better_soon(state, Costs, ahead, 3000 + probe, probe)


def test_a_report_waits_for_a_better_place_that_comes_soon():
    assert waits((0,), 5) and waits((5, 5, 0), 5)
    assert not waits((5, 6, 5), 5) and not waits((0,), 0) and not waits((1, 2), 1)


def test_coverage_that_is_far_or_unknown_is_not_waited_for():
    assert not waits((5,) * 7 + (0,), 5, 4 * HOUR_S)
    assert waits((5,) * 7 + (0,), 5, 48 * HOUR_S)
    assert not waits((0,), 5, HOUR_S // 2)
    assert not waits((-1, 0), 5) and not waits((), 5)


def test_a_fading_network_is_not_awaited():
    state = made()
    for i in range(60):
        look(state, 0, -90 if i % 2 else 0, 1)
        look(state, 5, -90 if i % 2 else 0, 1)
    probe = 1000 * Costs.scan_mj // fleet.share(state, 5)
    assert not fleet.better_soon(state, Costs, (0, 0, 0), 3000 + probe, probe)
