"""A device in mid-trip pulls a release over the access point for updates, and asks no host over the wrong
one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.world import stage
from tools.world.oracle.records import Oracle
from tools.world.radio.access import MOST_REFUSED_A_DAY, Access
from tools.world.radio.cards import UPDATES_APN

DAY_MS = 86_400_000


def test_positions_go_over_one_access_point_and_a_release_over_another(tmp_path: Path, monkeypatch: Any):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    # It begins at the border after which the second access point may be used.
    built = stage.build(tmp_path / "world", stage.Scenario("bg95", 1, 3, card="euicc4", apns=2, shuttles=1))
    try:
        access = Access(built)
        built.modem.watched_by(access)
        oracle = Oracle(built.flash, built.trip, built.network.traffic)

        def after_wake(now_ms: int) -> None:
            oracle.after_wake()
            access.after_wake(now_ms, tmp_path / "release")

        built.device.run(2 * DAY_MS, after_wake)
        status = built.services.agent.do("updates", "status").splitlines()[1].split()
    finally:
        built.close()
    assert access.astray() == [] and access.short() == []
    assert access.carried[UPDATES_APN] > 20_000 and access.carried["east.example"] > 20_000
    assert status[2] == "2"
    assert oracle.wrong == {}


@pytest.mark.parametrize(("times_a_day", "short"), [(MOST_REFUSED_A_DAY, 1), (MOST_REFUSED_A_DAY + 1, 2)])
def test_demands_of_the_access_points(times_a_day: int, short: int):
    class Trip:
        env = type("Env", (), {"now": 0})

    built = type("Built", (), {"trip": Trip, "card": type("Card", (), {"points": {}})})
    access = Access(built)  # type: ignore[arg-type]
    for _ in range(times_a_day):
        access.refuses(UPDATES_APN, 33)
    assert len(access.short()) == short  # nothing went over it
    access.reaches("iot", "evil.example", 80)
    assert access.short()[0] == "left by the wrong way: evil.example:80 over iot, 1 times"
