"""Trackers of the fleet: most are the firmware's journal and session on CPython, some the whole firmware."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from landbridge.core.clock import EPOCH
from paho.mqtt.enums import CallbackAPIVersion

from tools.flash.layout import lay_out
from tools.modem import Modem
from tools.verify.kill import devices as firmware_parts
from tools.world.device.lockstep import Device
from tools.world.device.process import interpreter
from tools.world.oracle.records import Oracle
from tools.world.radio import cards
from tools.world.radio.traffic import CountedNetwork, Traffic
from tools.world.services.clock import VirtualClock
from tools.world.stage import modem_rng
from tools.world.trip import START_UTC_S, Trip

START_S = START_UTC_S - int(EPOCH.timestamp())
"""The start of the simulated day, in the devices' seconds."""
EVERY_S = 900
_ATTEMPTS = 3
_ANSWER_S = 20.0


class Tracker(firmware_parts.Device):
    """Records a point every quarter of an hour, and reports on request."""

    def day(self, begin_s: int, end_s: int) -> None:
        """Record the points of this part of the day, then report until the agent has them."""
        for now_s in range(begin_s, end_s, EVERY_S):
            self.keep(START_S + now_s)
        for _ in range(_ATTEMPTS):
            if self.waiting():
                self.report()


class Firmware:
    """The real firmware with a simulated modem, which reaches the broker over TLS."""

    def __init__(
        self, name: str, folder: Path, files: Path, port: int, seed: int, clock: VirtualClock
    ) -> None:
        """`files` are those that the agent has made for its flash; `port` is the broker's."""
        self.name = name
        flash = folder / "flash"
        lay_out(flash, "SIM")
        shutil.copytree(files, flash / "config")
        trip = Trip(seed, "bg95", 1)
        issued = cards.issue("single")
        trip.card = issued.card
        host = json.loads((files / "device.json").read_text())["broker_host"]
        network = CountedNetwork({host: ("127.0.0.1", port)}, lambda: True, lambda: True)
        network.traffic, network.before_publish = Traffic(), lambda: None
        modem = Modem(trip.env, "bg95", trip, network, modem_rng(seed), trip.charge, issued.card)
        os.environ["LOCKSTEP_MODEM"] = "bg95"
        self._device = Device(trip, modem, flash, interpreter(), clock)
        self.oracle = Oracle(flash, trip, network.traffic)

    def run(self, until_s: int) -> None:
        """Go on until that second of the day."""
        self._device.run(until_s * 1_000, lambda _now_ms: self.oracle.after_wake())

    def close(self) -> None:
        """End its process."""
        self._device.close()


def refused(device: str, password: str, port: int, ca: Path) -> bool:
    """Whether the broker refuses this name."""
    answers: list[int] = []
    answered = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, device, reconnect_on_failure=False)

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        answers.append(reason.value)
        answered.set()

    client.on_connect = on_connect
    client.username_pw_set(device, password)
    client.tls_set(str(ca))
    client.connect("localhost", port)
    client.loop_start()
    came = answered.wait(_ANSWER_S)
    client.disconnect()
    client.loop_stop()
    return came and answers[0] != 0
