"""Wakes as the firmware does them (`locator.wake`), verb by verb, each with the time it may take at most:
what the driver itself grants to each command and line that it waits for, once, and `GRACE_MS`.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from locator.modem import (
    REGISTERED,
    ModemError,
    ModemRestarted,
    edrx,
    ntp,
    recovery,
    sockets,
    survey,
)
from locator.session.mqtt import MqttClient

from tools.bench import DRIVERS, Channel
from tools.modem.registry import Dialect
from tools.verify.harness.port import FOR_EVER_MS, Hang, VirtualPort

Kind = Literal["first", "next", "reset", "probe", "survey", "mend"]
"""first: after power-on of the device, all there is. next: from deep sleep. reset: the device alone was reset
in mid-session. probe: forbidden networks cleared, a look at the cell, one operator held, the radio off while
GNSS runs. survey: a scan, the radio off and on, one of the operators heard by hand, eDRX. mend: time server,
orbits, a new PDP context, and MQTT over a socket in place of the modem's own client."""

HOST, PORT, DEVICE = b"broker.landbridge.example", 8883, b"lb-1"
CA = b"-----BEGIN CERTIFICATE-----\n" + 20 * (b"A" * 64 + b"\n") + b"-----END CERTIFICATE-----\n"
PAYLOAD = bytes(range(256)) * 2 + b"\r\nOK\r\n"
ORBITS, UTC = bytes(range(256)) * 8, (2026, 1, 5, 6, 30, 0)
ATTACH_S, LOOK_S, GNSS_S, REPLY_S = 300, 40, 240, 10
SLEEP_MS = 600_000

GRACE_MS = 30_000
"""For a verb's own pauses, what it asks again after a refusal, and the bytes of a payload."""
PULSES = 4
"""Pulses of the power key before `start` gives up: two, and two more after the supply was cut."""
SYNC_MS = 7_500
"""A modem is asked so long whether it answers, after each."""


class Took(NamedTuple):
    """What a verb took, and what it might have taken at most."""

    ms: int
    limit_ms: int


@dataclass
class WakeResult:
    """How a wake went. `took`: each verb at its longest."""

    registered: bool = False
    fixed: bool = False
    echoed: bool = False
    took: dict[str, Took] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    hang: str = ""
    crash: str = ""


class TimedChannel(Channel):  # type: ignore[misc]
    """Pass the driver's limit to the port. A repetition of the same does not extend it."""

    def __init__(self, port: VirtualPort) -> None:
        super().__init__(port)
        self._granting = port
        self._granted: set[bytes] = set()

    def begin(self, ms: int) -> None:
        """A verb begins, which may take this long before it has waited for anything."""
        self._granted.clear()
        self._granting.limit_ms = self._granting.ticks_ms() + ms

    def command(self, text: bytes, timeout_ms: int, *how: Any) -> Any:
        self._grant(text, timeout_ms)
        return super().command(text, timeout_ms, *how)

    def prompted(self, text: bytes, data: bytes, timeout_ms: int, prompt: bytes = b">") -> Any:
        self._grant(text, 2 * timeout_ms)  # the prompt, and the result
        return super().prompted(text, data, timeout_ms, prompt)

    def wait(self, prefix: bytes, timeout_ms: int) -> Any:
        self._grant(prefix, timeout_ms)
        return super().wait(prefix, timeout_ms)

    def _grant(self, what: bytes, ms: int) -> None:
        if what not in self._granted:
            self._granted.add(what)
            self._granting.limit_ms += ms


class Device:
    """One modem, and the device's side of its wakes: a fresh driver for each."""

    def __init__(self, dialect: Dialect, seed: str) -> None:
        self.port = VirtualPort(dialect, seed)
        self.result = WakeResult()
        self._modem: Any = None
        self._at: Any = None
        self._fresh = True

    def wake(self, kind: Kind) -> WakeResult:
        """One wake and the sleep after it. Never raises: what went wrong is in the result."""
        self._fresh_driver()
        try:
            self._do(kind)
        except Hang:
            pass  # in the result already
        except Exception as error:
            self.result.crash = f"{type(error).__name__}: {error}"
        self.port.deepsleep(SLEEP_MS)
        return self.result

    def leave_open(self) -> None:
        """Up to the middle of a session; then the device alone is reset."""
        self._fresh_driver()
        self._group(lambda: self._reach(True, True, 0))
        self._group(lambda: self._session(close=False))

    def _fresh_driver(self) -> None:
        self._at = TimedChannel(self.port)
        self._modem = DRIVERS[self.port.dialect](self.port, self._at, types.SimpleNamespace(apn=b"iot"))
        self.result = WakeResult()
        self._fresh = True  # not yet tried in this wake

    def _do(self, kind: Kind) -> None:
        if kind == "probe":
            self._group(self._look)
            self._group(lambda: self._reach(True, False, 262_002))
            self._group(lambda: self._search(radio_off=True))
        elif kind == "survey":
            self._group(self._survey)
        elif kind == "mend":
            self._group(self._mend)
        else:
            self._group(lambda: self._reach(kind != "reset", kind == "first", 0))
            if self.result.registered:
                self._group(lambda: self._call("identity"))
                self._group(lambda: self._session(close=True))
            self._group(lambda: self._search(radio_off=False))
        self._stop()

    def _look(self) -> None:
        self._start(True, False)
        self._call("clear_forbidden")
        self._call("listen", LOOK_S, False)

    def _survey(self) -> None:
        self._start(True, False)
        heard = self._timed("scan", survey.scan, self._modem)
        plmn = survey.choose(heard, 0, 1)
        self._timed("neighbours", survey.neighbours, self._modem)
        self._call("cycle_radio")
        self._reach(True, False, plmn)
        if self.port.dialect == "bg95":
            self._timed("eDRX", edrx.request, self._modem, True)
            self._timed("eDRX granted", edrx.granted_ms, self._modem)
            self._timed("eDRX", edrx.request, self._modem, False)

    def _mend(self) -> None:
        self._reach(True, False, 0)
        modem = self._modem
        self._timed("time server", ntp.ask, modem)
        assistance = modem.part("assistance")
        if modem.FETCHES_ASSISTANCE:
            self._timed("orbits fetched", assistance.download, modem)
        else:
            self._timed("orbits left", assistance.minutes_left, modem)
            self._timed("orbits given", assistance.inject, modem, ORBITS, UTC)
        self._timed("new context", recovery.give_up_context, modem)
        self._session(close=True, client=MqttClient(self.port, sockets.make(modem)))

    def _start(self, surely_off: bool, configure: bool) -> None:
        if not self._modem.on:
            fresh, self._fresh = self._fresh, False
            self._call("start", surely_off and fresh, configure)

    def _reach(self, surely_off: bool, configure: bool, plmn: int) -> None:
        self._start(surely_off, configure)
        result, _ = self._call("attach", ATTACH_S, ATTACH_S, plmn)
        self.result.registered = result == REGISTERED
        self._call("cell")
        self._call("network_time")

    def _session(self, close: bool, client: Any = None) -> None:
        """By the modem's own MQTT client, or by another."""
        said = client or self._modem
        over = " by socket" if client else ""

        def call(verb: str, *args: Any) -> Any:
            return self._timed(verb + over, getattr(said, verb), *args)

        call("mqtt_open", HOST, PORT, DEVICE, b"secret", CA)
        call("mqtt_subscribe", b"landbridge/lb-1/down")
        call("mqtt_publish", b"landbridge/lb-1/up", PAYLOAD)
        self.result.echoed = call("mqtt_receive", 1000 * REPLY_S) == PAYLOAD
        if close:
            call("mqtt_close")

    def _search(self, radio_off: bool) -> None:
        self._start(True, False)
        self._call("gnss_start", radio_off)
        deadline_ms = self.port.ticks_ms() + 1000 * GNSS_S
        while self.port.ticks_ms() < deadline_ms and not self.result.fixed:
            self.port.sleep_ms(1000)
            self.result.fixed = self._call("gnss_poll") is not None
        self._call("gnss_stop")

    def _stop(self) -> None:
        if not self._modem.on:
            return
        try:
            served, _ = self._call("serves", 6000)
            self._call("stop", served and self._call("psm_granted"))
        except ModemError as error:
            self.result.errors.append(repr(error))
            self.port.modem_rail(False)

    def _group(self, steps: Callable[[], object]) -> None:
        try:
            steps()
        except ModemError as error:
            self.result.errors.append(repr(error))
            if isinstance(error, ModemRestarted):
                self._modem.on = False

    def _call(self, verb: str, *args: Any) -> Any:
        """A verb of the driver."""
        return self._timed(verb, getattr(self._modem, verb), *args)

    def _timed(self, verb: str, do: Callable[..., Any], *args: Any) -> Any:
        port, began_ms = self.port, self.port.ticks_ms()
        self._at.begin(GRACE_MS + self._own_ms(verb, args))
        try:
            return do(*args)
        except Hang:
            self.result.hang = verb
            raise
        finally:
            took = Took(port.ticks_ms() - began_ms, port.limit_ms - began_ms)
            self.result.took[verb] = max(took, self.result.took.get(verb, took))
            port.limit_ms = FOR_EVER_MS

    def _own_ms(self, verb: str, args: tuple[Any, ...]) -> int:
        """What a verb may take in addition to its commands: its own limits, and the pulses of the power
        key."""
        if verb in ("attach", "listen"):
            return 1000 * int(max(args[:2]))
        if verb == "start":
            driver = self._modem
            return PULSES * int(driver.KEY_MS + driver.QUIET_MS + driver.BOOT_MS + SYNC_MS)
        return 0
