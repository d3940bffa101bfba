"""A device that does not begin a download: the agent shows the reason, and requests it again later."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from landbridge.features.downloads import coding as wire
from landbridge.features.downloads import postponed
from landbridge.features.esim.coding import Policy, Profile
from landbridge.features.esim.queries import policies
from landbridge.features.settings import queries as settings

from host_tests.support.agent import DEVICE, NOW_S, point
from host_tests.support.downloads import MATCH, ROAMING, DownloadingAgent, LocatorWithCard, card, local
from tools.world.services.smdp.server import Server

DAY_S = 86_400
KAZAKHSTAN, RUSSIA = 401_001, 250_001
SHOWN: dict[int, tuple[dict[str, int], dict[str, int], str]] = {
    16: ({"battery": 155}, {"battery": 170}, "battery at 3.1 V; next attempt at 3.35 V under load"),
    17: ({"temperature": -60}, {"temperature": -40}, "-30.0 °C; next attempt above -25 °C"),
    18: ({"rsrp": 118}, {"rsrp": 95}, "signal of -118 dBm; next attempt with a better signal"),
    21: ({"plmn": KAZAKHSTAN}, {"plmn": RUSSIA}, "blocked in this country; next attempt in another country"),
}
"""By reason: what a point has that shows it, and one that does not; the sentence."""
UNSEEN = {
    19: "a profile switch is under way; next attempt after the switch",
    20: "data quota used up; next attempt next month or with another profile",
    22: "no room in flash; next attempt when there is room",
    23: "the day's limit is used up; next attempt the next day",
    99: "the device reports reason 99",
}


@pytest.fixture
def agent(smdp: Server, agent: DownloadingAgent) -> DownloadingAgent:
    """It has ordered a download."""
    smdp.order(MATCH, local())
    agent.order()
    return agent


@pytest.fixture
def device(agent: DownloadingAgent) -> LocatorWithCard:
    return LocatorWithCard(agent, card())


def reports(agent: DownloadingAgent, seq: int, **values: int) -> dict[int, Any]:
    """The downlink to a point with these values, taken where nothing speaks against a download."""
    good = {"battery": 180, "temperature": 40, "rsrp": 90, "plmn": RUSSIA, "lat": 5_500_000, "lon": 6_000_000}
    return agent.hears({}, [point(seq, kind=2, **good | values)])


def block(agent: DownloadingAgent) -> None:
    """Let the policy allow no profile in Kazakhstan."""
    policy = Policy({"roaming": Profile(ROAMING, "iot", "", "")}, "roaming", {0: ("roaming",), 401: ()})
    with agent.database.writing() as connection:
        policies.set_desired(connection, DEVICE, policy, "auto", "bench", agent.at_s)


@pytest.mark.parametrize("reason", SHOWN)
def test_it_is_asked_again_when_a_point_shows_that_the_reason_is_over(agent, device, reason):
    bad, good, sentence = SHOWN[reason]
    block(agent)
    reports(agent, 1, **bad)
    device.postponed = reason
    device.contact()
    assert (agent.shown()["state"], agent.shown()["postponed"]) == ("ordered", sentence)
    assert agent.shown()["problem"] is None and agent.row().postponed == 1
    agent.at_s += postponed.FIRST_S
    assert wire.REQUEST_KEY not in reports(agent, 2, **bad)
    device.postponed = 0
    assert wire.REQUEST_KEY in reports(agent, 3, **good)
    device.until_over()
    assert (agent.shown()["state"], agent.shown()["postponed"]) == ("installed", None)


@pytest.mark.parametrize("reason", SHOWN)
def test_it_is_asked_again_after_a_day_whatever_the_points_show(agent, device, reason):
    bad, _, _ = SHOWN[reason]
    block(agent)
    reports(agent, 1, **bad)
    device.postponed = reason
    device.contact()
    agent.at_s += DAY_S - 1
    assert wire.REQUEST_KEY not in reports(agent, 2, **bad)
    agent.at_s += 1
    assert wire.REQUEST_KEY in reports(agent, 3, **bad)


@pytest.mark.parametrize("reason", UNSEEN)
def test_a_download_postponed_for_an_unobservable_reason_is_retried_after_a_pause(agent, device, reason):
    reports(agent, 1)
    device.postponed = reason
    device.contact()
    assert agent.shown()["postponed"] == UNSEEN[reason]
    agent.at_s += postponed.FIRST_S - 1
    assert wire.REQUEST_KEY not in reports(agent, 2)
    agent.at_s += 1
    assert wire.REQUEST_KEY in reports(agent, 3)


def test_a_battery_of_another_kind_is_strong_at_less(agent, device):
    with agent.database.writing() as connection:
        settings.set_desired(connection, DEVICE, {"battery_kind": 1}, "bench", NOW_S)
    reports(agent, 1, battery=150)
    device.postponed = 16
    device.contact()
    assert agent.shown()["postponed"] == "battery at 3.0 V; next attempt at 3.05 V under load"
    agent.at_s += postponed.FIRST_S
    assert wire.REQUEST_KEY in reports(agent, 2, battery=154)


def test_pauses_grow_and_attempts_are_bounded(agent, device):
    device.postponed = 18
    tried: list[int] = []
    while agent.row().outcome is None:
        before = agent.row().postponed
        device.contact()
        agent.works()
        if agent.row().outcome or agent.row().postponed > before:
            tried.append(agent.at_s)
        agent.at_s = max(agent.at_s + 1, agent.row().next_s - 1)
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert len(tried) == postponed.MOST and pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (postponed.FIRST_S, postponed.LONGEST_S)
    assert agent.shown()["state"] == "failed" and agent.shown()["postponed"] is None
    assert agent.shown()["problem"] == "signal too weak; given up after 30 refusals"
    assert agent.row().wrapped_code is None


def test_a_refusal_that_comes_twice_counts_once(agent, device):
    device.postponed = 16
    device.contact()
    row = agent.row()
    downlink = agent.hears({wire.ANSWER_KEY: [row.download, row.step, 16, b""]})
    assert downlink[wire.REQUEST_KEY] == [row.download, row.step, wire.OVER]
    assert agent.row().postponed == 1 and agent.row().next_s == row.next_s


def test_a_refusal_within_a_session_begins_another_one_later(agent, device):
    """The flash is full when the package is offered: the card's session is over by the next try."""
    whole = device.load
    device.load = lambda download, step, *_: {15: [download, step, 22, b""]}
    device.contact()
    agent.works()
    row = agent.row()
    assert (row.stage, row.sessions, row.outcome) == ("ordered", 1, None)
    assert row.next_s > agent.at_s and agent.shown()["problem"] == "no room in flash"
    device.load = whole
    device.until_over()
    assert agent.shown()["state"] == "installed"


def test_a_device_that_has_begun_may_refuse_as_often_again(agent, device):
    device.postponed = 16
    for _ in range(3):
        device.contact()
        agent.at_s = agent.row().next_s
    assert agent.row().postponed == 3
    device.postponed, device.lose_answer = 0, True
    device.contact()
    agent.works()
    assert (agent.row().postponed, agent.row().sessions) == (0, 1)
