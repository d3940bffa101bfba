"""Many devices, each with the firmware's own journal, numbers and session over a real connection."""

from __future__ import annotations

import queue
import random
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paho.mqtt.client as mqtt
from landbridge.core.clock import Clock
from locator.codec import record
from locator.journal.numbers import Numbers
from locator.journal.store import Journal
from locator.session.keys import Keys
from locator.session.session import Session
from paho.mqtt.enums import CallbackAPIVersion

TIMES_FASTER = 20
"""A device waits ten seconds for a reply; here it need not."""
MOST_BYTES = 3_400
MESSAGES = 20
_CONNECT_S = 5.0
_PAUSE_S = (0.05, 1.0)
_MOST_AT_ONCE = 20


class Gone(Exception):
    """The connection broke, as with `ModemError`."""


class Link:
    """The verbs of a modem that a session uses."""

    times_faster: float = TIMES_FASTER

    def __init__(self, device: str, password: str, port: int, ca: Path) -> None:
        self._received: queue.Queue[bytes] = queue.Queue()
        self._ready = threading.Event()
        self._gone = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, device, reconnect_on_failure=False)
        self._client.username_pw_set(device, password)
        self._client.tls_set(str(ca))
        self._client.on_connect = lambda *_: self._ready.set()
        self._client.on_disconnect = lambda *_: self._gone.set()
        self._client.on_message = lambda _client, _user, message: self._received.put(bytes(message.payload))
        try:
            self._client.connect("localhost", port)
        except OSError as error:
            raise Gone(str(error)) from None
        self._client.loop_start()
        if not self._ready.wait(_CONNECT_S):
            self.close()
            raise Gone("no CONNACK")

    def mqtt_subscribe(self, topic: bytes) -> None:
        """At QoS 0."""
        self._client.subscribe(topic.decode(), qos=0)

    def mqtt_publish(self, topic: bytes, data: Any) -> None:
        """At QoS 1; whether a PUBACK comes means nothing."""
        if self._gone.is_set():
            raise Gone
        self._client.publish(topic.decode(), bytes(data), qos=1)

    def mqtt_receive(self, timeout_ms: int) -> bytes | None:
        """The next message; None: none was received in time."""
        try:
            return self._received.get(timeout=timeout_ms / 1000 / self.times_faster)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Break it off."""
        self._client.disconnect()
        self._client.loop_stop()


class Device(threading.Thread):
    """Makes records and reports them until `finish`, and then reports what is left."""

    link: type[Link] = Link

    def __init__(self, folder: Path, device: str, settings: dict[str, Any], port: int, ca: Path) -> None:
        super().__init__(name=device, daemon=True)
        self.device = device
        self.made: dict[int, list[int]] = {}
        """Fields of each record, by sequence."""
        self.failure: str | None = None
        self._rng = random.Random(device)
        self._folder = folder
        self.connection = (device, settings["broker_password"], port, ca)
        self._config = SimpleNamespace(device=device, key=bytes.fromhex(settings["key"]))
        self._clock = Clock()
        self._no_more = threading.Event()
        self._open()

    def finish(self) -> None:
        """Make no more records."""
        self._no_more.set()

    def waiting(self) -> int:
        """Records that the agent has not acknowledged."""
        return int(self._journal.pending())

    def run(self) -> None:
        """Live."""
        try:
            while not self._no_more.is_set() or self.waiting():
                self._keep()
                self.report()
                time.sleep(self._rng.uniform(*_PAUSE_S))
                if self._rng.random() < 0.1:
                    self._open()  # deep sleep: only what is in flash is left
        except Exception as error:
            self.failure = f"{self.device}: {error!r}"

    def _open(self) -> None:
        self._ledger = Numbers(str(self._folder), 1)
        self._journal = Journal(str(self._folder), self._ledger)

    def _keep(self) -> None:
        for _ in range(0 if self._no_more.is_set() else self._rng.randint(0, _MOST_AT_ONCE)):
            self.keep(self._clock.now_s())

    def keep(self, now_s: int) -> None:
        """Record a fix of that time, in the device's seconds."""
        values = {name: self._rng.randint(0, 100) for name in record.FIELDS.split()}
        values |= {"kind": record.FIX, "quality": 3, "events": 0, "boot": 1, "battery": 180}
        values |= {
            "time": now_s,
            "lat": self._rng.randint(2_956_000, 2_957_000),
            "lon": 10_655_156,
        }
        values |= {"plmn": 460_001, "sats": 9}
        fields = [values[name] for name in record.FIELDS.split()]
        self.made[self._journal.append(fields)] = fields

    def report(self) -> None:
        """Report what waits in one session, if there is one."""
        if not self.waiting():
            return
        try:
            link = self.link(*self.connection)
        except Gone:
            return
        try:
            keys = Keys(str(self._folder), self._config)
            session = Session(link, self._journal, self._ledger, keys, None, MOST_BYTES)
            session.run(lambda out, more: 0, MESSAGES, False, False)
        except Gone:
            pass
        finally:
            link.close()
