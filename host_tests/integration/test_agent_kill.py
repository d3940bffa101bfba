"""The agent is killed at each step: nothing is lost or stored twice, and the device is answered."""

import pytest

from host_tests.support import agent_that_dies
from host_tests.support.agent import Installation, acknowledged, point, wait_until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("step", agent_that_dies.STEPS)
def test_nothing_is_lost_where_the_agent_crashes(installation: Installation, step: str) -> None:
    platform = installation.platform()
    device = installation.device()
    agent = installation.spawn(step)
    device.publish(device.seal([point(1), point(2)]))
    agent.wait()
    assert agent.returncode < 0

    installation.spawn()
    # The device had no answer (or does not know it): it sends the records again.
    assert acknowledged(device.send([point(1), point(2), point(3)]))[-1] == (1, 3)
    assert [each.point.seq for each in installation.stored()] == [1, 2, 3]
    wait_until(lambda: {1, 2, 3} <= set(passed_on(platform)), "all points passed on")
    assert not installation.dead_letters()


def passed_on(platform):
    return [feature["properties"]["seq"] for feature in platform.features()]


def test_an_unacknowledged_uplink_is_redelivered_by_the_broker(installation: Installation) -> None:
    device = installation.device()
    agent = installation.spawn(agent_that_dies.AFTER_RECEIVE)
    device.publish(device.seal([point(1)]))
    agent.wait()
    installation.spawn()
    wait_until(lambda: device.messages, "an answer to the first uplink")
    assert acknowledged(device.replies()[0]) == [(1, 1)]


def test_a_stored_but_unacknowledged_uplink_is_answered_as_a_repeat(installation: Installation) -> None:
    device = installation.device()
    agent = installation.spawn(agent_that_dies.BEFORE_ACK)
    device.publish(device.seal([point(1)]))
    agent.wait()
    installation.spawn()
    wait_until(lambda: device.messages, "an answer to the first uplink")
    assert acknowledged(device.replies()[0]) == [(1, 1)]
    assert installation.counts().repeats == 1
