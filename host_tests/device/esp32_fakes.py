"""Stand-ins for `machine`, `esp32` and the sensors' chips, register by register; one board, one clock.

Import this before `locator.port.esp32`: it takes the place of both modules.
"""

import struct
import sys

now_ms = 0
levels = {}  # GPIO -> what is on it, from us or from outside
written = []  # (GPIO, level, ms) by us
held = {}  # GPIO -> level that stays whatever is written
bus = {}  # I2C address -> chip
nvs = {}
rtc = b""
fed_ms = 0
TICK_MS = 10  # of FreeRTOS: a sleep of no more computes
spun_ms = idle_ms = 0
armed = None  # pins that wake
slept = []
confirmed = 0
outside = []  # (ms, function): what happens then


class Asleep(Exception):
    """The chip sleeps deeply; `args`: milliseconds, GPIOs that wake."""


class Reset(Exception):
    """machine.reset()."""


def power_on():
    """Everything as it comes from the factory."""
    global now_ms, rtc, armed, confirmed, fed_ms
    now_ms, rtc, armed, confirmed, fed_ms, Machine.hz = 0, b"", None, 0, 0, 160_000_000
    for kept in (levels, written, held, bus, nvs, slept, outside):
        kept.clear()
    machine.cause, machine.reason = 1, 0


def wake(reason):
    """The chip starts again: pins that are not held float."""
    for gpio in list(levels):
        if gpio in held:
            levels[gpio] = held[gpio]
    machine.cause, machine.reason = 4, reason
    UART.open, Machine.hz = 0, 160_000_000


def pass_ms(ms, until_armed=False):
    """Time passes, and what is planned happens."""
    global now_ms
    end = now_ms + ms
    while outside and min(outside)[0] <= end:
        event = min(outside)
        outside.remove(event)
        now_ms = max(now_ms, event[0])
        event[1]()
        if until_armed and armed and any(levels.get(gpio, 0) for gpio in armed):
            return
    if until_armed and armed and any(levels.get(gpio, 0) for gpio in armed):
        return
    now_ms = end


class Time:
    """`time` of MicroPython."""

    def ticks_ms(self):
        return now_ms

    def time(self):
        return now_ms // 1000

    def sleep_ms(self, ms):
        """The chip idles for whole ticks that end before the time is over, and computes for the rest."""
        global spun_ms
        spun_ms += min(ms, TICK_MS)
        pass_ms(ms)


class Pin:
    IN, OUT = 1, 3

    def __init__(self, gpio, mode=-1, value=None, hold=None):
        self.gpio = gpio
        self.init(mode, value=value, hold=hold)

    def init(self, mode, value=None, hold=None):
        if hold is False:
            held.pop(self.gpio, None)
        if value is not None:
            self.value(value)
        if hold:
            held[self.gpio] = levels.get(self.gpio, 0)

    def value(self, level=None):
        if level is None:
            return levels.get(self.gpio, 0)
        levels[self.gpio] = held.get(self.gpio, level)
        written.append((self.gpio, level, now_ms))


class UART:
    """`lines` are (ms, bytes) that come. A read waits for all that it wants, in whole ticks of `timeout`."""

    lines = []
    sent = b""
    open = 0

    def __init__(self, number, baud, **settings):
        assert settings["rxbuf"] >= 2048
        self.ticks = settings["timeout"] // TICK_MS
        UART.open += 1

    def any(self):
        return sum(len(data) for ms, data in self.lines if ms <= now_ms)

    def readinto(self, buf, most=None):
        global idle_ms
        buf = memoryview(buf)[:most] if most is not None else memoryview(buf)
        n, ticks = 0, self.ticks
        while ticks and self.any() < len(buf):
            ticks -= 1
            pass_ms(TICK_MS)
            idle_ms += TICK_MS
        while self.lines and self.lines[0][0] <= now_ms and n < len(buf):
            ms, data = self.lines.pop(0)
            part = data[: len(buf) - n]
            buf[n : n + len(part)] = part
            n += len(part)
            if len(part) < len(data):
                self.lines.insert(0, (ms, data[len(part) :]))
        return n or None

    def write(self, data):
        UART.sent += bytes(data)
        return len(data)

    def flush(self):
        pass_ms(1)

    def deinit(self):
        UART.open -= 1


class ADC:
    ATTN_11DB = 3
    microvolts = 1_800_000

    def __init__(self, pin, atten):
        assert atten == ADC.ATTN_11DB and 32 <= pin.gpio < 40

    def read_uv(self):
        return ADC.microvolts


class I2C:
    def __init__(self, number, sda, scl, freq):
        pass

    def _chip(self, address):
        if address not in bus:
            raise OSError(19)
        return bus[address]

    def readfrom_mem_into(self, address, register, buf):
        buf[:] = self._chip(address).read(register, len(buf))

    def readfrom_mem(self, address, register, n):
        return self._chip(address).read(register, n)

    def writeto_mem(self, address, register, data):
        self._chip(address).write(register, data)


class RTC:
    def memory(self, data=None):
        global rtc
        if data is None:
            return rtc
        if len(data) > 2048:
            raise ValueError("buffer too long")
        rtc = bytes(data)


class WDT:
    def __init__(self, timeout):
        global fed_ms
        WDT.timeout, fed_ms = timeout, now_ms

    def feed(self):
        global fed_ms
        assert now_ms - fed_ms < WDT.timeout, "the watchdog has bitten"
        fed_ms = now_ms


class Machine:
    Pin, UART, ADC, I2C, RTC, WDT = Pin, UART, ADC, I2C, RTC, WDT
    hz = 160_000_000
    EXT1_WAKE, TIMER_WAKE = 3, 4
    cause, reason = 1, 0

    def reset_cause(self):
        return self.cause

    def wake_reason(self):
        return self.reason

    def freq(self, hz):
        """Below 80 MHz the clock of UARTs would be another."""
        assert hz in (80_000_000, 160_000_000, 240_000_000)
        Machine.hz = hz

    def lightsleep(self, ms):
        slept.append(ms)
        pass_ms(ms, True)

    def deepsleep(self, ms):
        raise Asleep(ms, armed)

    def reset(self):
        raise Reset


class NVS:
    def __init__(self, space):
        assert len(space) <= 15

    def set_blob(self, key, data):
        self._pending = (key, bytes(data))

    def commit(self):
        nvs[self._pending[0]] = self._pending[1]

    def get_blob(self, key, buf):
        if key not in nvs:
            raise OSError(-0x1102)
        if len(buf) < len(nvs[key]):
            raise OSError(-0x110C)
        buf[: len(nvs[key])] = nvs[key]
        return len(nvs[key])


class Partition:
    @staticmethod
    def mark_app_valid_cancel_rollback():
        global confirmed
        confirmed += 1
        if confirmed > 1:
            raise OSError(-261)


class Esp32:
    NVS, Partition = NVS, Partition
    WAKEUP_ANY_HIGH = True

    def wake_on_ext1(self, pins, level):
        global armed
        assert level is True
        armed = tuple(pin.gpio for pin in pins) if pins else None


class Lis2dh12:
    """Only what stands in the data sheet of the registers that matter; `interrupt` is the GPIO of INT1."""

    def __init__(self, interrupt):
        self.interrupt = interrupt
        self.registers = bytearray(64)
        self.registers[0x0F] = 0x33
        self.registers[0x20] = 0x07  # from power-on
        self.fifo = []
        self.g = (0, 0, 1000)

    def write(self, register, data):
        at = register & 0x3F
        assert register & 0x80 or len(data) == 1, "without 0x80 the address stands still"
        self.registers[at : at + len(data)] = data
        if at == 0x2E and data == b"\x00":
            self.fifo = []

    def read(self, register, n):
        at = register & 0x3F
        if at == 0x28:
            assert register & 0x80
            x, y, z = self.fifo.pop(0) if self.fifo else self.g
            return struct.pack("<hhh", *(axis // 64 * 256 for axis in (x, y, z)))
        data = bytes(self.registers[at : at + n])
        if at == 0x2F:
            data = bytes([len(self.fifo)])
        elif at in (0x31, 0x35):  # reading the source ends the latch
            self.registers[at] = 0
            if at == 0x31:
                levels[self.interrupt] = 0
        return data

    def feel(self, mg):
        """A jolt along x."""
        if not self.registers[0x20] & 0xF0:  # powered down
            return
        if mg > 62 * self.registers[0x32] and self.registers[0x30] & 2:
            self.registers[0x31] |= 0x42
            if self.registers[0x22] & 0x40:
                levels[self.interrupt] = 1
        if mg > 62 * self.registers[0x36] and self.registers[0x34] & 2:
            self.registers[0x35] |= 0x42
            if self.registers[0x2E] & 0xE0 == 0xE0:
                self.fifo = [self.g] * 30 + [(-mg, 0, 1000)]


class Tmp112:
    def __init__(self, raw):
        self.raw = raw
        self.config = b"\x60\xa0"
        self.done_ms = 0

    def write(self, register, data):
        assert register == 1
        self.config = bytes(data)
        if data[0] & 0x81 == 0x81:
            self.done_ms = now_ms + 35

    def read(self, register, n):
        if register == 1:
            done = self.done_ms and now_ms >= self.done_ms
            return bytes([self.config[0] & 0x7F | (0x80 if done else 0), self.config[1]])[:n]
        return struct.pack(">h", self.raw << 4 if self.done_ms and now_ms >= self.done_ms else 0)


class Opt3001:
    def __init__(self, interrupt, raw):
        self.interrupt = interrupt
        self.registers = [raw, 0xC810, 0xC000, 0xBFFF]

    def write(self, register, data):
        self.registers[register] = struct.unpack(">H", data)[0]

    def read(self, register, n):
        assert n == 2
        if register == 1:
            levels[self.interrupt] = 0
        if register == 0 and not self.registers[1] & 0x0400:
            return b"\x00\x00"  # it was never started
        return struct.pack(">H", self.registers[register])

    def shine(self, raw):
        self.registers[0] = raw
        lux, limit = ((value & 0xFFF) << (value >> 12) for value in (raw, self.registers[3]))
        if lux > limit and self.registers[1] & 0x0418 == 0x0418:
            levels[self.interrupt] = 1


machine = Machine()
sys.modules["machine"] = machine
sys.modules["esp32"] = Esp32()
