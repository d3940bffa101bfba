"""A short trip with everything in it: device, modem, world, broker, agent, and a platform that listens."""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tools.world import delivered, stage
from tools.world.diary import Diary
from tools.world.digest import digest
from tools.world.ride import Demo, chaos_on
from tools.world.services import PLATFORM
from tools.world.stage import DEVICE, Stage
from tools.world.truth import Settlement, Truth

WAIT_S = 10
OUT = f"landbridge/out/default/{DEVICE}/"


class Platform:
    """Subscribes to all that the agent publishes."""

    def __init__(self, built: Stage) -> None:
        self.messages: list[tuple[str, Any]] = []
        subscribed = threading.Event()
        self._client: Any = mqtt.Client(CallbackAPIVersion.VERSION2, PLATFORM)
        self._client.username_pw_set(PLATFORM, PLATFORM)
        self._client.tls_set(str(built.services.broker.folder / "ca.pem"))
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.messages.append(
            (message.topic, json.loads(message.payload))
        )
        self._client.connect("localhost", built.services.broker.port)
        self._client.loop_start()
        assert subscribed.wait(WAIT_S)

    def _subscribe(self, *_: Any) -> None:
        self._client.subscribe("landbridge/out/#", qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Run:
    """A trip that has ended, with what became of it."""

    def __init__(self, demo: Demo, built: Stage, platform: Platform) -> None:
        delivered.await_outbox(built.services.agent.database)
        platform.close()
        built.services.stop()
        self.demo = demo
        self.stage = built
        self.messages = platform.messages
        self.had = delivered.read(built.services.agent.database, DEVICE)
        self.digest = digest(self.had.points, built.device.transcript_digest())

    def settle(self) -> Settlement:
        return self.demo.truth.settle(self.had.points)


@contextmanager
def trip(
    out: Path, modem: Any, seed: int, days: int, chaos: bool = False, settings: Sequence[str] = ()
) -> Iterator[Run]:
    """Run a trip to its end."""
    trap = out / "chaos" if chaos else None
    built = stage.build(out, modem, seed, days, 0, trap, settings=settings)
    try:
        killer = chaos_on(built, trap) if trap else None
        truth = Truth(built.flash, built.trip, built.network.traffic)
        demo = Demo(built, truth, Diary(built.trip), killer)
        platform = Platform(built)
        demo.run(lambda standing: None)
        yield Run(demo, built, platform)
    finally:
        built.close()


@pytest.mark.parametrize("modem", ["bg95", "sim7600"])
def test_nothing_is_lost_and_the_same_seed_is_the_same_trip(tmp_path, monkeypatch, modem):
    monkeypatch.setenv("LOCKSTEP_MODEM", modem)
    with trip(tmp_path / "one", modem, 3, 2, settings=["paced=0"]) as one:
        settled = one.settle()
        assert settled.wrong == []
        assert (settled.lost, settled.in_flash) == (0, 0)
        assert settled.stored >= 40
        assert one.stage.network.stalls == 0
        assert one.had.dead_letters == one.had.outbox_left == 0
        assert any(each.point.kind == 1 for each in one.had.points)
    with trip(tmp_path / "two", modem, 3, 2, settings=["paced=0"]) as two:
        assert two.digest == one.digest
    assert one.digest != "" and one.had.points


def test_a_platform_hears_of_every_point_once(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    with trip(tmp_path, "bg95", 4, 2) as run:
        pass
    tracks = [content for topic, content in run.messages if topic == OUT + "track"]
    heard = Counter(feature["properties"]["seq"] for track in tracks for feature in track["features"])
    assert heard == Counter(each.point.seq for each in run.had.points)
    last = [content for topic, content in run.messages if topic == OUT + "position"][-1]
    assert last["seq"] == max((each for each in run.had.points if each.point.kind == 1), key=_time).point.seq


def _time(stored: Any) -> int:
    return int(stored.at_s)


def test_killed_everywhere_nothing_is_lost_and_nothing_stored_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_MODEM", "bg95")
    with trip(tmp_path, "bg95", 5, 8, chaos=True) as run:
        settled = run.settle()
        assert run.demo.chaos and run.demo.chaos.missed() == []
        assert settled.wrong == []
        assert settled.lost == 0
        assert run.had.duplicates_stored == 0
        assert run.had.duplicates_removed > 0
        assert run.stage.network.stalls == 0
