"""A device that sends too much: limits of messages a minute."""

from dataclasses import replace

from landbridge.core import rate_limit as limits
from landbridge.core.rate_limit import RateLimit

from host_tests.support.agent import point, wait_until


def test_a_device_that_sends_too_much_is_not_answered_and_keeps_it(installation):
    installation.config = replace(
        installation.config, devices=replace(installation.config.devices, per_minute=3)
    )
    installation.start()
    device = installation.device()
    for seq in range(1, 9):
        device.publish(device.seal([point(seq)]))
    puback = "Received PUBACK from landbridge-agent"
    wait_until(lambda: installation.broker.log().count(puback) >= 8, "all are acknowledged at the broker")
    wait_until(lambda: len(device.messages) >= 3, "replies")
    assert len(installation.stored()) in (3, 4) and len(device.messages) in (3, 4)
    assert installation.dead_letters() == []


def test_the_limit_of_a_device_is_its_own_and_fills_again():
    now = [0.0]
    limit = RateLimit(60, lambda: now[0])
    assert [limit.allows("a") for _ in range(61)] == [True] * 60 + [False]
    assert limit.allows("b")
    now[0] += 1.0
    assert [limit.allows("a") for _ in range(2)] == [True, False]
    now[0] += 1e6
    assert sum(limit.allows("a") for _ in range(99)) == 60


def test_a_device_that_sends_too_much_is_named_once_a_minute(caplog):
    now = [0.0]
    limit = RateLimit(2, lambda: now[0])
    sent = [limit.allows("landbridge/loud/up") for _ in range(9)]
    assert sent == [True] * 2 + [False] * 7 and limit.allows("landbridge/calm/up")
    said = ["landbridge/loud/up: more than 2 messages a minute; dropping the others"]
    assert caplog.messages == said
    now[0] += 61.0
    assert [limit.allows("landbridge/loud/up") for _ in range(4)] == [True, True, False, False]
    assert caplog.messages == said * 2


def test_the_limits_of_many_topics_take_little_memory(monkeypatch):
    monkeypatch.setattr(limits, "MOST_TOPICS", 10)
    limit = RateLimit(60, lambda: 0.0)
    assert all(limit.allows(str(number)) for number in range(100))
    assert len(limit.buckets) <= 10
