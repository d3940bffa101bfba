"""Wakes as the firmware does them (`locator.wake`), verb by verb, each with the time it may take at most."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import locator.modem
from locator.modem import REGISTERED, ModemError, ModemRestarted

from tools.campaign.port import Hang, VirtualPort
from tools.modem import Dialect

Kind = Literal["first", "next", "reset", "probe"]
"""first: after power-on of the device, all there is. next: from deep sleep. reset: the device alone was reset
in mid-conversation. probe: forbidden networks cleared, a look at the cell, one operator held, the radio
off beside GNSS."""

HOST, PORT, DEVICE = b"broker.landbridge.example", 8883, b"lb-1"
CA = b"-----BEGIN CERTIFICATE-----\n" + 20 * (b"A" * 64 + b"\n") + b"-----END CERTIFICATE-----\n"
PAYLOAD = bytes(range(256)) * 2 + b"\r\nOK\r\n"
ATTACH_S, LOOK_S, GNSS_S, REPLY_S = 300, 40, 120, 10
SLEEP_MS = 600_000

LIMIT_S: dict[Dialect, dict[str, int]] = {
    "bg95": {
        "start": 90,
        "attach": ATTACH_S + 200,
        "look": LOOK_S + 30,
        "clear_forbidden": 10,
        "cell": 6,
        "network_time": 6,
        "identity": 25,
        "serves": 20,
        "psm_granted": 6,
        "mqtt_open": 480,
        "mqtt_subscribe": 35,
        "mqtt_publish": 110,
        "mqtt_receive": REPLY_S + 30,
        "mqtt_close": 35,
        "gnss_start": 30,
        "gnss_poll": 6,
        "gnss_stop": 12,
        "stop": 110,
    },
    "sim7600": {
        "start": 150,
        "attach": ATTACH_S + 200,
        "look": LOOK_S + 30,
        "clear_forbidden": 10,
        "cell": 10,
        "network_time": 6,
        "identity": 25,
        "serves": 20,
        "psm_granted": 6,
        "mqtt_open": 480,
        "mqtt_subscribe": 370,
        "mqtt_publish": 280,
        "mqtt_receive": REPLY_S + 30,
        "mqtt_close": 280,
        "gnss_start": 20,
        "gnss_poll": 10,
        "gnss_stop": 10,
        "stop": 30,
    },
}
"""The vendors' time-outs of a verb's commands, one after the other, and half a minute for a payload."""


@dataclass
class Told:
    """How a wake went. `took_ms`: the longest that each verb took."""

    registered: bool = False
    fixed: bool = False
    echoed: bool = False
    took_ms: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    hang: str = ""
    crash: str = ""


class Device:
    """One modem, and the device's side of its wakes: a fresh driver for each."""

    def __init__(self, dialect: Dialect, seed: str) -> None:
        self.port = VirtualPort(dialect, seed)
        self.told = Told()
        self._limits_ms = {verb: 1000 * limit for verb, limit in LIMIT_S[dialect].items()}
        self._modem: Any = None
        self._fresh = True

    def wake(self, kind: Kind) -> Told:
        """One wake and the sleep behind it. Never raises: what went wrong is told."""
        self._fresh_driver()
        try:
            self._do(kind)
        except Hang:
            pass  # told already
        except Exception as error:
            self.told.crash = f"{type(error).__name__}: {error}"
        self.port.deepsleep(SLEEP_MS)
        return self.told

    def leave_open(self) -> None:
        """Up to the middle of a conversation; then the device alone is reset."""
        self._fresh_driver()
        self._group(lambda: self._reach(True, True, 0))
        self._group(lambda: self._talk(close=False))

    def _fresh_driver(self) -> None:
        make: Callable[..., Any] = locator.modem.make
        self._modem = make(types.SimpleNamespace(MODEM=self.port.dialect, apn=b"iot"), self.port)
        self.told = Told()
        self._fresh = True  # not yet tried in this wake

    def _do(self, kind: Kind) -> None:
        if kind == "probe":
            self._group(self._look)
            self._group(lambda: self._reach(True, False, 262_002))
            self._group(lambda: self._search(radio_off=True))
        else:
            self._group(lambda: self._reach(kind != "reset", kind == "first", 0))
            if self.told.registered:
                self._group(lambda: self._call("identity"))
                self._group(lambda: self._talk(close=True))
            self._group(lambda: self._search(radio_off=False))
        self._stop()

    def _look(self) -> None:
        self._start(True, False)
        self._call("clear_forbidden")
        self._call("look", LOOK_S)

    def _start(self, surely_off: bool, configure: bool) -> None:
        if not self._modem.on:
            fresh, self._fresh = self._fresh, False
            self._call("start", surely_off and fresh, configure)

    def _reach(self, surely_off: bool, configure: bool, plmn: int) -> None:
        self._start(surely_off, configure)
        result, _ = self._call("attach", ATTACH_S, ATTACH_S, plmn)
        self.told.registered = result == REGISTERED
        self._call("cell")
        self._call("network_time")

    def _talk(self, close: bool) -> None:
        self._call("mqtt_open", HOST, PORT, DEVICE, b"secret", CA)
        self._call("mqtt_subscribe", b"landbridge/lb-1/down")
        self._call("mqtt_publish", b"landbridge/lb-1/up", PAYLOAD)
        self.told.echoed = self._call("mqtt_receive", 1000 * REPLY_S) == PAYLOAD
        if close:
            self._call("mqtt_close")

    def _search(self, radio_off: bool) -> None:
        self._start(True, False)
        self._call("gnss_start", radio_off)
        deadline_ms = self.port.ticks_ms() + 1000 * GNSS_S
        while self.port.ticks_ms() < deadline_ms and not self.told.fixed:
            self.port.sleep_ms(1000)
            self.told.fixed = self._call("gnss_poll") is not None
        self._call("gnss_stop")

    def _stop(self) -> None:
        if not self._modem.on:
            return
        try:
            served, _ = self._call("serves", 6000)
            self._call("stop", served and self._call("psm_granted"))
        except ModemError as error:
            self.told.errors.append(repr(error))
            self.port.modem_rail(False)

    def _group(self, steps: Callable[[], object]) -> None:
        try:
            steps()
        except ModemError as error:
            self.told.errors.append(repr(error))
            if isinstance(error, ModemRestarted):
                self._modem.on = False

    def _call(self, verb: str, *args: Any) -> Any:
        port, limit_ms = self.port, self._limits_ms[verb]
        began_ms = port.ticks_ms()
        port.limit_ms = began_ms + limit_ms
        try:
            return getattr(self._modem, verb)(*args)
        except Hang:
            self.told.hang = verb
            raise
        finally:
            port.limit_ms = 1 << 62
            took_ms = port.ticks_ms() - began_ms
            self.told.took_ms[verb] = max(took_ms, self.told.took_ms.get(verb, 0))
