"""A card that leaves with one roaming profile: the local one is loaded in the first hours and used, by the
real firmware, agent and broker; the same seed is the same trip."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import copies
from tools.modem.registry import Dialect
from tools.world import stage
from tools.world.oracle import delivered
from tools.world.oracle.records import Oracle
from tools.world.radio.cards import CHINA, LOADED, ROAMING

HOUR_MS = 3_600_000
HOURS = 18


def _trip(folder: Path, modem: Dialect) -> tuple[str, Any]:
    """Runs it; returns the digest of its transcript and what the agent shows of the downloads."""
    built = stage.build(folder, stage.Scenario(modem, 1, 1, card="euicc-landing"))
    agent, card, smdp = built.services.agent, built.card.card, built.smdp
    assert smdp and card.imsi == ROAMING
    try:
        oracle = Oracle(built.flash, built.trip, built.network.traffic)
        built.device.run(HOURS * HOUR_MS, lambda _: oracle.after_wake())
        shown = agent.do("esim", "downloads", stage.DEVICE)
        policy = agent.do("esim", "show", stage.DEVICE)
        log = (agent.folder / "agent.log").read_text()
        digest = built.device.transcript_digest()
    finally:
        built.close()
    assert card.imsi == CHINA and built.card.switches() == 1
    assert oracle.wrong == {} and built.network.stalls == 0
    had = delivered.read(agent.database, stage.DEVICE)
    assert (had.downloads_ordered, had.downloads_installed) == (1, 1)
    assert smdp.functions.orders["LANDING-CHINA"].state == "installed"
    assert [smdp.functions.orders[each].downloads for each in LOADED] == [0, 0, 1]
    assert "confirmed, china" in policy
    assert "LANDING" not in shown + policy + log
    return digest, sorted(re.split(" {2,}", line)[-2] for line in shown.splitlines() if stage.DEVICE in line)


@pytest.fixture(scope="module")
def of_bg95(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """What a trip with the BG95 gives."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LOCKSTEP_MODEM", "bg95")
        return _trip(tmp_path_factory.mktemp("bg95") / "world", "bg95")


def test_the_local_profile_is_loaded_and_used(of_bg95: tuple[str, Any]):
    assert of_bg95[1] == ["enabled 13 of 13", "waiting", "waiting"]


def test_the_local_profile_is_loaded_and_used_with_the_other_modem(tmp_path: Path, monkeypatch: Any):
    monkeypatch.setenv("LOCKSTEP_MODEM", "sim7600")
    _, states = _trip(tmp_path / "world", "sim7600")
    assert states == ["enabled 13 of 13", "waiting", "waiting"]


def test_the_same_seed_is_the_same_trip(of_bg95: tuple[str, Any], tmp_path: Path, monkeypatch: Any):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    with copies.started_as_usual():
        assert _trip(tmp_path / "second", "bg95") == of_bg95
