"""Trips of a few hours in the simulated world, and a platform that listens."""

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import paho.mqtt.client as mqtt
from landbridge.core.clock import EPOCH
from paho.mqtt.enums import CallbackAPIVersion

from tools.world.demo.diary import Diary
from tools.world.demo.digest import digest
from tools.world.oracle import delivered
from tools.world.oracle.delivered import START_S
from tools.world.oracle.records import Oracle, RecordCounts
from tools.world.services.processes import PLATFORM
from tools.world.stage import DEVICE, Stage
from tools.world.trip_run import Demo

WAIT_S = 60


OUT = f"landbridge/out/operator/{DEVICE}/"


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

    def hear_all(self, seqs: set[int]) -> None:
        """The broker passes on what it has acknowledged a moment later, but for what a kill has lost."""
        heard = pauses = 0
        while pauses < (1 if seqs <= self._seqs() else 10):
            time.sleep(0.3)
            pauses = pauses + 1 if heard == len(self.messages) else 0
            heard = len(self.messages)

    def _seqs(self) -> set[int]:
        tracks = [content for topic, content in list(self.messages) if topic == OUT + "track"]
        return {feature["properties"]["seq"] for track in tracks for feature in track["features"]}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Run:
    """A trip that has ended, with what became of it."""

    def __init__(self, demo: Demo, built: Stage, platform: Platform) -> None:
        delivered.await_outbox(built.services.agent.database)
        stored = delivered.read(built.services.agent.database, DEVICE).points
        platform.hear_all({each.point.seq for each in stored})
        platform.close()
        built.services.stop()
        self.had = delivered.read(built.services.agent.database, DEVICE)
        self.demo = demo
        self.stage = built
        self.messages = platform.messages
        self.digest = digest(self.had.points, built.device.transcript_digest())

    def count_records(self) -> RecordCounts:
        return self.demo.oracle.count(self.had.points)


MINUTE_MS, HOUR_MS = 60_000, 3_600_000


SOON_MS = 2 * MINUTE_MS


def run_until(built: Stage, end_ms: int, after_wake: Callable[[int], None] = lambda _: None) -> Run:
    """Run the stage up to `end_ms`, with a platform that listens."""
    demo = Demo(built, Oracle(built.flash, built.trip, built.network.traffic), Diary(built.trip), None)
    platform = Platform(built)

    def both(now_ms: int) -> None:
        demo.oracle.after_wake()
        after_wake(now_ms)

    built.device.run(end_ms, both)
    return Run(demo, built, platform)


def ms_of(time: str) -> int:
    """Milliseconds since the trip began."""
    return 1_000 * (round((datetime.fromisoformat(time) - EPOCH).total_seconds()) - START_S)


def alarms(run: Run, name: str) -> list[dict[str, Any]]:
    """The alarms of one name on the platform's topic, in their order."""
    events = [content for topic, content in run.messages if topic == OUT + "event/alarm"]
    return [content for content in events if content["alarm"] == name]
