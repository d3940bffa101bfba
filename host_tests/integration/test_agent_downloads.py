"""Profiles loaded onto a strict card through the agent, from a scripted SM-DP+."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from host_tests.support.downloads import LOCAL, MATCH, DownloadingAgent, LocatorWithCard, card, local
from tools.modem.card.euicc import Euicc
from tools.world.services.smdp.server import Fault, Server


@pytest.fixture
def smdp() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture
def agent(tmp_path: Path, smdp: Server) -> Iterator[DownloadingAgent]:
    made = DownloadingAgent(tmp_path, smdp)
    yield made
    made.database.close()


def iccids(euicc: Euicc) -> list[str]:
    return [each.iccid for each in euicc.profiles]


@pytest.mark.parametrize("size", [12_000, 15_000, 40_000])
def test_a_profile_is_installed_byte_for_byte(agent: DownloadingAgent, smdp: Server, size: int):
    smdp.order(MATCH, local(size))
    agent.order()
    device = LocatorWithCard(agent, card())
    device.until_over()
    shown = agent.shown()
    assert (shown["state"], shown["problem"], shown["iccid"]) == ("installed", None, LOCAL)
    assert (shown["profile"], shown["provider"]) == ("Steppe", "Kazmobile")
    (there,) = [each for each in device.card.profiles if each.iccid == LOCAL]
    assert sha256(there.package).digest() == sha256(local(size).package).digest()
    assert device.card.enabled.iccid != LOCAL
    assert [(each.valid, each.reason) for each in smdp.functions.notified] == [(True, 0)]
    assert device.card.notifications == []
