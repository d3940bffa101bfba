"""Connections to the broker after an outage."""

from tools.verify.kill import crowd


def test_rejected_devices_return_spread_out():
    away, came = crowd.fleet("bench", 3600, devices=12)
    assert away > 6
    assert len(came) >= 12 and len(set(came)) > len(came) // 2
    found = crowd.came(3600, [(away, came)])
    assert found.turned_away == away and found.connects_a_second == round(len(came) / crowd.WATCHED_S, 3)


def test_devices_that_return_together_are_found():
    spread = list(range(0, crowd.WATCHED_S, 4))
    assert crowd.came(60, [(0, spread)]).worst_of_mean < crowd.MOST_OF_MEAN
    found = crowd.came(60, [(9, spread), (11, [*spread, *[1801] * 30])])
    assert (found.turned_away, found.worst_second) == (10, 30)
    assert found.worst_of_mean > crowd.MOST_OF_MEAN
