"""Runs the device in the world: answers what the firmware waits for and lets virtual time pass.

The device is a MicroPython process on the other end of a socket pair. It says how long it wants to
wait; the world runs its events up to that moment or to the end of a burst on the UART and answers
with the time. Deep sleep ends the process; the next one, spawned ahead, is given at the wake what
it was that woke it. Only the flash directory and the RTC memory are left between two processes.
"""

from __future__ import annotations

import hashlib
import logging
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.world.device import cpu
from tools.world.device.ciphers import Ciphers
from tools.world.device.pipe import WAKE_ON_LIGHT, WAKE_ON_MOTION, WAKE_ON_TAMPER, Cause, Op, Wake
from tools.world.device.process import DeviceEnded, DeviceHangs, DeviceProcess
from tools.world.device.uart import Receiver, wire_ms
from tools.world.services.clock import VirtualClock
from tools.world.trip import Trip

if TYPE_CHECKING:
    from tools.modem import Modem

log = logging.getLogger(__name__)

RTC_BYTES = 2_048
FULL_MHZ, SLOW_MHZ = 160, 80
"""The clock of a start, and that of a wake whose modem is on."""
RAIL = 0
"""Index of the modem's pins."""
LIGHT_SLEEP_MS = 20
"""Shorter waits are not worth going to light sleep."""
ASLEEP = ("sleep", "light")
"""States of the ESP32 in which its crystal stands still."""
RESTART_MS = 1_000
"""From a crash or a power failure to the next boot."""
RETRY_POWER_MS = 3_600_000
"""How often a battery that was too low is tried again."""


@dataclass
class Counters:
    """The results of the device's runs."""

    wakes: int = 0
    resets: int = 0
    crashes: int = 0
    hangs: int = 0
    brown_outs: int = 0


@dataclass(frozen=True)
class Start:
    """The next run of the device: when, and what it will be given."""

    ms: int
    cause: Cause
    wake: Wake


class PowerFailed(Exception):
    """The supply fell below what the board needs."""


class Device:
    """The tracker's board and the firmware on it, in the world of `trip` and wired to `modem`.

    `flash_dir` is the device's flash, with `power_on.py` in it; `command` starts MicroPython (see
    `process.interpreter`); `clock` is set to the virtual time before anything that happens then
    can reach another process. With `fixed_cpu` each wake takes the same CPU time, whatever it does.
    """

    def __init__(
        self,
        trip: Trip,
        modem: Modem,
        flash_dir: Path,
        command: Sequence[str],
        clock: VirtualClock,
        fixed_cpu: bool = False,
    ) -> None:
        self.counters = Counters()
        self._trip = trip
        self._env = trip.env
        self._modem = modem
        self._flash_dir = flash_dir
        self._command = list(command)
        self._clock = clock
        self._random = random.Random(f"{trip.seed}/device")
        self._transcript = hashlib.sha256()
        self._receiver = Receiver()
        self._ciphers = Ciphers()
        self._draining = False
        self._off = False
        """The power has failed, and the supervisor holds the board until the battery has recovered."""
        self._rtc_memory = b""
        self._power_on_ms = 0
        self._reset_ms = 0
        """Of these two: what the device's own clock said then."""
        self._fixed_cpu = fixed_cpu
        self._cpu_us = 0
        self._mhz = FULL_MHZ
        self._ahead: DeviceProcess | None = None
        self._start = Start(0, Cause.POWER_ON, Wake.NONE)
        modem.on_output = self._modem_sent
        modem.on_line = self._line

    def run(self, until_ms: int, progress: Callable[[int], None]) -> None:
        """Run the device up to `until_ms`, calling `progress(now_ms)` after each wake.

        A wake that has begun before then is run to its end. May be called again with a later time.
        """
        while self._start.ms <= until_ms:
            if self._slept(self._start.ms) and self._has_power():
                self._run_wake(self._start)
                progress(self._now_ms())
        self._slept(until_ms)

    def resume(self, rtc_memory: bytes, clock_s: int) -> None:
        """Begin with a reset in place of a power-on: with this RTC memory, and the device's clock."""
        self._rtc_memory = rtc_memory
        self._power_on_ms = -1_000 * clock_s
        self._start = Start(0, Cause.HARD, Wake.NONE)

    def transcript_digest(self) -> str:
        """SHA-256 over every AT line so far with its virtual time, in hex."""
        return self._transcript.hexdigest()

    @property
    def rtc_memory(self) -> bytes:
        """The contents of RTC memory."""
        return self._rtc_memory

    def close(self) -> None:
        """End the process that was spawned ahead."""
        if self._ahead is not None:
            self._ahead.kill()
            self._ahead = None

    # From reset to sleep

    def _slept(self, until_ms: int) -> bool:
        """Let the world go on while the device sleeps; False when its power failed meanwhile."""
        try:
            self._advance(until_ms)
        except PowerFailed:
            self._start = self._power_failed()
            return False
        return True

    def _run_wake(self, start: Start) -> None:
        """Run one process from its HELLO to its end, and know when the next one starts."""
        self._off = False
        process = self._ahead or DeviceProcess(self._command, self._flash_dir)
        self._ahead = DeviceProcess(self._command, self._flash_dir)
        self.counters.wakes += 1
        self._reset_ms = self._clock_ms()
        if start.cause is Cause.POWER_ON:
            self._power_on_ms, self._rtc_memory = self._reset_ms, b""
        self._receiver.clear()
        self._cpu_us, self._mhz = 0, FULL_MHZ
        try:
            self._start = self._serve(process, start)
            self._esp32("sleep")
            if printed := process.kill():
                # The firmware survives its own faults; it prints what it was, and nothing else.
                self._count("crashes", printed)
        except DeviceEnded:
            self._start = self._failed(process.wait(), "crashes")
        except DeviceHangs:
            self._start = self._failed(process.kill(), "hangs")
        except PowerFailed:
            process.kill()
            self._start = self._power_failed()

    def _serve(self, process: DeviceProcess, start: Start) -> Start:
        """Answer the device until it goes to sleep or resets itself; returns its next start."""
        self._work(cpu.FIXED_US if self._fixed_cpu else cpu.wake_us(start.cause is Cause.POWER_ON))
        while True:
            op, cpu_us, payload = process.receive()
            self._work(0 if self._fixed_cpu else cpu_us)
            if op == Op.DEEPSLEEP:
                return self._deep_sleep(payload)
            if op == Op.RESET:
                self.counters.resets += 1
                return Start(self._now_ms(), Cause.HARD, Wake.NONE)
            answer = self._hello(start) if op == Op.HELLO else self._answer(op, payload)
            process.answer(self._clock_ms() - self._reset_ms, answer)

    def _deep_sleep(self, payload: bytes) -> Start:
        """Sleep until the timer, or until what the device has armed comes before it."""
        length_ms, wake_on = struct.unpack("<IB", payload)
        now = self._now_ms()
        start = Start(self._trip.rtc.due_ms(now, length_ms), Cause.DEEP_SLEEP, Wake.TIMER)
        if wake_on & WAKE_ON_MOTION:
            start = self._sooner(start, self._trip.next_motion_ms(now), Wake.MOTION)
        if wake_on & WAKE_ON_LIGHT:
            start = self._sooner(start, self._trip.next_light_ms(now), Wake.LIGHT)
        if wake_on & WAKE_ON_TAMPER:
            start = self._sooner(start, self._trip.handling.next_lid_ms(now), Wake.TAMPER)
        return start

    @staticmethod
    def _sooner(start: Start, ms: int | None, wake: Wake) -> Start:
        return start if ms is None or ms >= start.ms else Start(ms, Cause.DEEP_SLEEP, wake)

    def _failed(self, output: str, counter: str) -> Start:
        """The process ended without leave or does not end: it starts again."""
        self._count(counter, output)
        return Start(self._now_ms() + RESTART_MS, Cause.HARD, Wake.NONE)

    def _count(self, counter: str, printed: str) -> None:
        setattr(self.counters, counter, getattr(self.counters, counter) + 1)
        hours = self._now_ms() / 3_600_000
        log.error("device: %s, %.1f h into the trip; it printed:\n%s", counter, hours, printed)

    def _power_failed(self) -> Start:
        """Everything on the board loses power: the modem's rail falls, the RTC memory is gone. What has no
        power cannot lose it again."""
        self.counters.brown_outs += 1
        self._off = True
        self._esp32("off")
        self._modem.rail(False)
        self._modem.key(False)
        self._modem.dtr(False)
        return Start(self._now_ms() + RESTART_MS, Cause.POWER_ON, Wake.NONE)

    def _has_power(self) -> bool:
        """Whether the board has power: one that sleeps needs no more than what it sleeps with; one that is
        off needs a battery that can start it, and tries again later."""
        if not self._off and self._start.cause is not Cause.POWER_ON:
            return True
        if self._trip.can_start():
            return True
        self._start = Start(self._now_ms() + RETRY_POWER_MS, Cause.POWER_ON, Wake.NONE)
        return False

    # What the device asks for

    def _hello(self, start: Start) -> bytes:
        """Why it starts and what its own clock said at the reset: seconds since power-on."""
        seconds, ms = divmod(self._reset_ms - self._power_on_ms, 1_000)
        reply = struct.pack("<BBIH", start.cause, start.wake, seconds, ms)
        costs = struct.pack(f"<B{len(cpu.COSTS_US)}H", len(cpu.COSTS_US), *cpu.COSTS_US)
        return reply + costs

    def _answer(self, op: int, payload: bytes) -> bytes:
        """Do what the message asks, which may take virtual time; returns the answer's payload."""
        match op:
            case Op.READ:
                return self._read(payload)
            case Op.SLEEP:
                self._sleep(payload)
            case Op.PIN:
                self._pin(payload[0], bool(payload[1]))
            case Op.SENSE:
                return struct.pack("<HhIHHBB", *self._trip.sense()[1:-1])
            case Op.RTC_MEMORY:
                return self._rtc_memory
            case Op.RTC:
                self._rtc_memory = payload[:RTC_BYTES]
            case Op.RANDOM:
                return self._random.randbytes(payload[0])
            case Op.LOG:
                log.debug("%d %s", self._now_ms(), payload.decode("utf-8", "replace"))
            case Op.AES:
                return self._ciphers.encrypt(payload)
            case _:
                raise ValueError(f"unknown op {op}: the device's port speaks another protocol")
        return b""

    def _read(self, payload: bytes) -> bytes:
        """Send, then wait until a burst has ended or is `most` bytes long, or the time is out."""
        timeout_ms, most = struct.unpack_from("<IH", payload)
        self._esp32("wait")
        self._draining = True
        self._transmit(payload[6:])
        deadline_ms = self._now_ms() + timeout_ms
        while True:
            ready_ms = self._receiver.ready_ms(most)
            due_ms = deadline_ms if ready_ms is None else min(deadline_ms, ready_ms)
            if self._now_ms() >= due_ms:
                break
            self._advance(due_ms, until_received=True)
        self._draining = False
        return self._receiver.take(self._now_ms(), most)

    def _sleep(self, payload: bytes) -> None:
        (length_ms,) = struct.unpack_from("<I", payload)
        self._esp32("wait")
        self._transmit(payload[4:])
        now = self._now_ms()
        if length_ms < LIGHT_SLEEP_MS:
            self._esp32(self._active())  # MicroPython spins where a tick of 10 ms is too long
            self._advance(now + length_ms)
            return
        self._esp32("light")
        self._receiver.deaf = True
        self._advance(self._trip.rtc.due_ms(now, length_ms))
        self._receiver.deaf = False

    def _pin(self, pin: int, level: bool) -> None:
        if pin == RAIL and level:
            self._mhz = SLOW_MHZ  # hal/esp32.py
        (self._modem.rail, self._modem.key, self._modem.dtr)[pin](level)
        self._check_power()

    def _transmit(self, data: bytes) -> None:
        """Send bytes to the modem; they arrive when the last one is over the wire."""
        if data:
            self._advance(self._now_ms() + wire_ms(len(data)))
            self._modem.receive(data)

    # Virtual time and power

    def _work(self, cpu_us: int) -> None:
        """The CPU is busy for this long; what is less than a millisecond is carried over."""
        self._cpu_us += cpu_us * FULL_MHZ // self._mhz
        ms, self._cpu_us = divmod(self._cpu_us, 1_000)
        self._esp32(self._active())
        if ms:
            self._advance(self._now_ms() + ms)

    def _active(self) -> str:
        return "active" if self._mhz == FULL_MHZ else "active-80"

    def _advance(self, until_ms: int, until_received: bool = False) -> None:
        """Run the world up to `until_ms`, events of that millisecond included.

        With `until_received` it stops early, when the modem has sent.
        """
        env = self._env
        before = self._receiver.puts
        while env.peek() <= until_ms:
            self._clock.set_ms(int(env.peek()))
            env.step()
            self._check_power()
            if until_received and self._receiver.puts != before:
                return
        if env.now < until_ms:
            env.run(until=until_ms)
        self._clock.set_ms(until_ms)
        self._check_power()

    def _now_ms(self) -> int:
        return int(self._env.now)

    def _clock_ms(self) -> int:
        return self._trip.rtc.clock_ms(self._now_ms())

    def _esp32(self, state: str) -> None:
        self._trip.meter.state("esp32", state)
        rtc = self._trip.rtc
        (rtc.sleep if state in ASLEEP else rtc.wake)(self._now_ms())

    def _check_power(self) -> None:
        """Raises PowerFailed after the supply has given way."""
        if not self._off and self._trip.power_failed():
            raise PowerFailed

    def _modem_sent(self, data: bytes) -> None:
        self._receiver.put(self._now_ms(), data, self._draining)

    def _line(self, direction: str, line: str) -> None:
        # Not by the line ends on the wire: encrypted payloads hold as many of these as chance will.
        if not self._fixed_cpu:
            self._cpu_us += cpu.AT_LINE_US * FULL_MHZ // self._mhz
        self._transcript.update(f"{self._now_ms()} {direction} {line}\n".encode())
