"""The schedule of the demo's chaos."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tools.world.services.chaos import (
    AFTER_RECEIVE,
    AGENT_SESSION,
    BEFORE_REPLY,
    BROKER_SESSION,
    POINTS,
    Chaos,
)
from tools.world.services.clock import VirtualClock
from tools.world.services.processes import Agent, Broker, Child, ServiceError, Services
from tools.world.trip import START_UTC_S
from tools.world.trip_run import Demo

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000


def spring(folder):
    """What a process does that dies in its trap."""
    (folder / "armed").rename(folder / "sprung")


def test_each_kill_point_is_armed_until_a_process_was_killed_there(tmp_path):
    chaos = Chaos(tmp_path, 15 * HOUR_MS, {}, rounds=2)
    seen: list[str] = []
    for hour in range(1, 40):
        died = chaos.after_wake(hour * HOUR_MS)
        assert died == (seen[-1] if seen and hour % 2 == 0 else "")
        armed = (tmp_path / "armed").read_text()
        if hour % 2 == 1 and len(seen) < 2 * len(POINTS):
            seen.append(armed)
            spring(tmp_path)
        if len(seen) == 2 * len(POINTS):
            break
    chaos.after_wake(40 * HOUR_MS)
    assert seen == list(POINTS) * 2
    assert chaos.missed() == []
    assert set(chaos.kills.values()) == {2}


def test_a_trap_that_killed_nothing_is_missed(tmp_path):
    chaos = Chaos(tmp_path, HOUR_MS, {})
    assert not chaos.after_wake(HOUR_MS)
    assert chaos.missed() == list(POINTS)


def conversing(tmp_path, rounds):
    """Chaos that has armed the first death in mid-session of its last round, and who was killed."""
    killed: list[str] = []
    kill = {
        AGENT_SESSION: lambda: killed.append("agent"),
        BROKER_SESSION: lambda: killed.append("broker"),
    }
    chaos = Chaos(tmp_path, HOUR_MS, kill, rounds)
    for hour in range(1, 100):
        chaos.after_wake(hour * HOUR_MS)  # the next one is always due
        if chaos.kills[BEFORE_REPLY] == rounds:
            return chaos, killed
        for _ in range(2 if (tmp_path / "armed").read_text() in kill else 0):
            chaos.before_publish()
        if (tmp_path / "armed").exists():
            spring(tmp_path)
    raise AssertionError


def test_the_world_kills_in_mid_session(tmp_path):
    chaos, killed = conversing(tmp_path, 1)
    assert chaos.reply_awaited()
    chaos.before_publish()
    chaos.before_publish()
    assert killed == ["agent"]
    assert chaos.after_wake(99 * HOUR_MS) == AGENT_SESSION


def test_the_second_time_it_kills_at_the_second_publish_of_a_connection(tmp_path):
    chaos, killed = conversing(tmp_path, 2)
    del killed[:]
    for _ in range(2):
        chaos.before_publish()
        assert killed == []
        assert not chaos.reply_awaited()
        assert not chaos.after_wake(98 * HOUR_MS)
    chaos.before_publish()
    chaos.before_publish()
    assert killed == ["agent"]
    assert chaos.reply_awaited()
    assert chaos.after_wake(99 * HOUR_MS) == AGENT_SESSION
    assert AGENT_SESSION not in chaos.missed()


def test_a_service_that_crashes_late_is_started_again(tmp_path):
    """The trap says "sprung" first and kills afterwards: until then the process seems alive."""
    chaos = Chaos(tmp_path, HOUR_MS, {})
    chaos.after_wake(HOUR_MS)
    spring(tmp_path)
    clock = VirtualClock(tmp_path / "clock", START_UTC_S)
    broker = Broker(tmp_path / "broker", 0, None)
    services = Services(broker, Agent(tmp_path / "agent", broker, clock.path, None))
    services.start()
    watcher: Any = SimpleNamespace(after_wake=lambda *_: None, pending=lambda: 0)
    trip = SimpleNamespace(operator_ends_ms=None)
    stage: Any = SimpleNamespace(services=services, device=SimpleNamespace(rtc_memory=b""), trip=trip)
    try:
        threading.Timer(0.5, services.agent.kill).start()
        Demo(stage, watcher, watcher, chaos).after_wake(2 * HOUR_MS)
        time.sleep(0.7)
        assert chaos.kills[AFTER_RECEIVE] == 1
        assert services.alive()
    finally:
        services.stop()
        clock.close()


def test_a_service_that_does_not_die_is_named(tmp_path):
    child = Child("agent", ["sleep", "60"], tmp_path / "agent.log", lambda line: None)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tools.world.services.processes.STOP_TIMEOUT_S", 0.1)
            with pytest.raises(ServiceError, match="the agent was to die and lives"):
                child.await_end()
    finally:
        child.stop()
