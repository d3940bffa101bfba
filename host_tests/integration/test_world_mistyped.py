"""A mistyped access point or broker of the only profile costs some reports, not the device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.world import stage
from tools.world.oracle.records import Oracle
from tools.world.services.processes import BROKER_HOST, BROKER_PORT

HOUR_MS = 3_600_000
POLICY = f"""
fallback = "roaming"

[profile.roaming]
iccid = "8931440400012345678"
apn = "iot.example"
hosts = ["{BROKER_HOST}:{BROKER_PORT}"]

[countries]
elsewhere = ["roaming"]
"""
TRIED_AGAIN = "no connection with this access point, trying the previous one"


@pytest.mark.parametrize(
    ("right", "mistyped"),
    [("iot.example", "iot.exmaple"), (BROKER_HOST, BROKER_HOST.replace("broker", "borker"))],
    ids=["access point", "broker"],
)
def test_the_device_comes_back_by_itself(right: str, mistyped: str, tmp_path: Path, monkeypatch: Any):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    built = stage.build(tmp_path / "world", stage.Scenario("bg95", 1, 3, card="euicc4", apns=2))
    agent = built.services.agent
    file = tmp_path / "policy.toml"

    def follow(text: str) -> None:
        file.write_text(text)
        agent.do("esim", "set-policy", str(file), stage.DEVICE)

    def history() -> str:
        return agent.do("esim", "history", stage.DEVICE)

    try:
        oracle = Oracle(built.flash, built.trip, built.network.traffic)
        follow(POLICY)
        built.device.run(12 * HOUR_MS, lambda _: oracle.after_wake())
        assert TRIED_AGAIN not in history()
        follow(POLICY.replace(right, mistyped))
        built.device.run(48 * HOUR_MS, lambda _: oracle.after_wake())
        shown, said = agent.do("esim", "show", stage.DEVICE), history()
    finally:
        built.close()
    assert said.count(TRIED_AGAIN) == 1
    assert "confirmed, roaming" in shown  # it was heard of since, under the policy that is wrong
    assert oracle.wrong == {}
