"""The cost of a session depends on how long the networks of the trip hold a connection."""

from __future__ import annotations

from collections import Counter

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.network.bands import RELEASE_MS, tail_ms
from tools.world.device.meter import MODEM_W

GOOD_UPLOAD_J = 1.2
"""Of a BG95, 1 to 2 kB from PSM on a good network, 5 s of waiting for the release included."""


def test_networks_differ_in_cost_as_it_was_measured() -> None:
    waiting_w = MODEM_W["bg95"]["connected"]
    costs_j = [GOOD_UPLOAD_J + waiting_w * (ms - RELEASE_MS[0]) / 1_000 for ms in RELEASE_MS]
    assert [cost / GOOD_UPLOAD_J for cost in costs_j] == pytest.approx([1, 2.5, 10], rel=0.1)
    tails = Counter(tail_ms(seed, plmn) for seed in range(500) for plmn in ("40101", "26201", "46000"))
    assert [tails[ms] / 1_500 for ms in RELEASE_MS] == pytest.approx([0.55, 0.33, 0.12], abs=0.04)


def test_a_network_is_another_in_each_trip_and_the_same_throughout_it() -> None:
    trips = {seed: [connected_s(seed), connected_s(seed)] for seed in range(12)}
    assert all(first == again for first, again in trips.values())
    spans = sorted(first for first, _ in trips.values())
    assert spans[0] < 12 and spans[-1] > 90
    assert any(19 < span < 40 for span in spans)


def connected_s(seed: int) -> float:
    """Seconds of connection after an attach, its signalling included."""
    modem = ModemUnderTest("bg95", seed=seed)
    modem.boot()
    modem.until_registered()
    modem.run(200_000)
    return modem.time_in("modem")["connected"] / 1_000
