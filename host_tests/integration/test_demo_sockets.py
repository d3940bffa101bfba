"""A device whose modem has a broken MQTT client delivers over the modem's TLS sockets, through a real broker,
to the real agent."""

from __future__ import annotations

import pytest

from tools.world import stage
from tools.world.device import firmware
from tools.world.oracle import delivered
from tools.world.stage import DEVICE
from tools.world.trip import DAY_MS


@pytest.mark.parametrize("modem", ["bg95", "sim7600"])
def test_a_broken_mqtt_client_loses_nothing(tmp_path, monkeypatch, modem):
    monkeypatch.setenv("LOCKSTEP_MODEM", modem)
    built = stage.build(tmp_path, stage.Scenario(modem, 3, 1, variants=["mqtt-broken"], settings=["paced=0"]))
    try:
        built.device.run(DAY_MS, lambda now_ms: None)
        acknowledged = firmware.numbers(built.flash).acks.count(1, 9_999)
        had = delivered.read(built.services.agent.database, DEVICE)
        assert acknowledged >= 20
        assert len(had.points) >= acknowledged
        assert had.dead_letters == 0 and built.network.stalls == 0
        assert built.network.traffic.bytes_up == 0  # nothing went over the modem's own client
    finally:
        built.close()
