"""Profiles asked for from afar while the device sleeps: one that connects is kept, the other one is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from landbridge.features.esim import coding as wire
from locator.esim import memory

from tools.world import stage
from tools.world.oracle.records import Oracle
from tools.world.radio.cards import CHINA, ROAMING

HOUR_MS = 3_600_000
COMMITTED, ROLLED_BACK, NO_CONNECTION = (
    wire.OUTCOMES[each] for each in (memory.COMMITTED, memory.ROLLED_BACK, memory.NO_CONNECTION)
)


def test_a_switch_from_afar_is_kept_or_rolled_back(tmp_path: Path, monkeypatch: Any):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    built = stage.build(tmp_path / "world", stage.Scenario("bg95", 1, 3, card="euicc4"))
    agent, card = built.services.agent, built.card

    def ask(profile: str) -> None:
        agent.do("esim", "switch", stage.DEVICE, profile)

    try:
        oracle = Oracle(built.flash, built.trip, built.network.traffic)
        built.device.run(12 * HOUR_MS, lambda _: oracle.after_wake())
        switches = card.switches()
        ask("roaming")
        assert card.switches() == switches and "waiting for" in agent.do("esim", "show", stage.DEVICE)
        built.device.run(36 * HOUR_MS, lambda _: oracle.after_wake())
        assert card.card.imsi == ROAMING and "confirmed, roaming" in agent.do("esim", "show", stage.DEVICE)
        ask("europe")  # no network of China takes it
        built.device.run(72 * HOUR_MS, lambda _: oracle.after_wake())
        lines = agent.do("esim", "history", stage.DEVICE).splitlines()
    finally:
        built.close()
    assert card.card.imsi == CHINA  # a desired profile that has failed is dropped: the policy decides
    rows = [" ".join(line.split()) for line in lines]
    for words in (
        " roaming revision",
        f"from china roaming {COMMITTED}",
        " europe revision",
        f"from roaming europe {NO_CONNECTION}",
        f"roaming {ROLLED_BACK}",
        f"from roaming china {COMMITTED}",
        f"IMSI {ROAMING}",
    ):
        assert any(words in line for line in rows), (words, rows)
    assert oracle.wrong == {}
