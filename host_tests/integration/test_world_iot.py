"""An IoT eUICC that leaves with one roaming profile: it is associated with the agent, the local profile is
loaded and enabled by a signed package, by the real firmware, agent and broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.world import stage
from tools.world.oracle import delivered
from tools.world.oracle.records import Oracle
from tools.world.radio.cards import CHINA, ROAMING

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000
HOURS = 18


def test_the_local_profile_is_enabled_by_a_signed_package(tmp_path: Path, monkeypatch: Any):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    built = stage.build(tmp_path / "world", stage.Scenario("bg95", 1, 1, card="iot-landing"))
    agent, card = built.services.agent, built.card.card
    assert card.imsi == ROAMING
    try:
        oracle = Oracle(built.flash, built.trip, built.network.traffic)
        built.device.run(HOURS * HOUR_MS, lambda _: oracle.after_wake())
        orders = agent.do("esim", "downloads", stage.DEVICE)
        said = agent.do("esim", "card", stage.DEVICE)
        policy = agent.do("esim", "show", stage.DEVICE)
        had = delivered.read(agent.database, stage.DEVICE)
    finally:
        built.close()
    assert card.imsi == CHINA and built.card.switches() == 1
    assert oracle.wrong == {} and built.network.stalls == 0
    assert "IoT eUICC (SGP.32)" in said and "landbridge-" in said
    assert "confirmed, china" in policy
    tasks = {
        task: line for line in orders.splitlines() for task in line.split() if task in ("associate", "enable")
    }
    assert sorted(tasks) == ["associate", "enable"]
    assert all("done" in line for line in tasks.values())
    assert (had.downloads_ordered, had.downloads_installed) == (1, 1)
