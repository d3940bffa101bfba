"""Stand-ins for `machine`, `esp32` and the sensors' chips, register by register; one board, one clock.

Each call does what MicroPython's sources for the ESP32 do from 1.27 on, and ESP-IDF 5.5 below them, also
where that is not what one expects. Import this before `locator.hal.esp32`: it takes the place of both
modules.
"""

import struct
import sys

_TICK_MS = 10  # of FreeRTOS: shorter waits spin
_CUT_SHORT_MS = 2  # a light sleep that ends at once
_INPUTS = range(34, 40)  # without an output, and a hold of theirs cannot be switched
_RTC_PINS = (0, 2, 4, 12, 13, 14, 15, 25, 26, 27, 32, 33, 34, 35, 36, 37, 38, 39)
_FLASH_PINS = range(6, 12)

now_ms = 0
boot_ms = 0  # when this boot began
spun_ms = 0  # waited at full power
levels = {}  # GPIO -> what is on it, from us or from outside
written = []  # (GPIO, level, ms) by us
reported = {}  # GPIO -> what its output was set to in this boot
held = {}  # GPIO -> level that stays whatever is written
frozen = {}  # GPIO -> what is read of a pad that the RTC has had, and holds, since a light sleep
bus = {}  # I2C address -> chip
nvs = {}
rtc = b""
fed_ms = 0
idle_ms = 0  # waited while the chip idles
armed = ()  # pins that wake; light and deep sleep share them
slept = []
confirmed = 0
has_ota = True  # the image's flash has two places for MicroPython
keeps_awake = False  # something ends each light sleep at once
outside = []  # (ms, function): what happens then


class Asleep(Exception):
    """The chip sleeps deeply; `args`: milliseconds, GPIOs that wake."""


class Reset(Exception):
    """machine.reset()."""


class Bitten(Exception):
    """The watchdog has reset the chip."""


def power_on():
    """Everything as it comes from the factory."""
    global now_ms, rtc, confirmed, has_ota, keeps_awake
    now_ms, rtc, confirmed, has_ota, keeps_awake = 0, b"", 0, True, False
    for kept in (levels, written, held, bus, nvs, slept, outside):
        kept.clear()
    UART.lines, UART.sent = [], b""
    ADC.microvolts, ADC.is_calibrated = 1_800_000, True
    boot(machine.PWRON_RESET, 0)


def boot(cause, reason):
    """The chip starts again: nothing that ran or was armed is left; pins that are held stay."""
    global boot_ms, armed, spun_ms, idle_ms
    for gpio in list(levels):
        if gpio in held:
            levels[gpio] = held[gpio]
    boot_ms, armed, spun_ms, idle_ms = now_ms, (), 0, 0
    frozen.clear()
    reported.clear()
    machine.cause, machine.reason = cause, reason
    UART.open, WDT.timeout, Machine.hz = 0, 0, 160_000_000


def wake(reason):
    """After a deep sleep. The pads that could wake are let go before anything runs."""
    boot(machine.DEEPSLEEP_RESET, reason)


def pass_ms(ms, until_armed=False):
    """Time passes, and what is planned happens."""
    global now_ms
    end = now_ms + ms
    while outside and min(outside)[0] <= end:
        event = min(outside)
        outside.remove(event)
        now_ms = max(now_ms, event[0])
        event[1]()
        if until_armed and _is_woken():
            return
    now_ms = end
    if WDT.timeout and now_ms - fed_ms >= WDT.timeout:
        boot(machine.WDT_RESET, 0)
        raise Bitten


def _is_woken():
    return any(levels.get(gpio, 0) for gpio in armed)


class Time:
    """`time` of MicroPython. The last tick of a wait, and all of a shorter one, is spent at full power."""

    def ticks_ms(self):
        return now_ms - boot_ms

    def time(self):
        return now_ms // 1000

    def sleep_ms(self, ms):
        """The chip idles for whole ticks that end before the time is over, and computes for the rest."""
        global spun_ms
        spun_ms += min(ms, _TICK_MS)
        pass_ms(ms)


class Pin:
    IN, OUT = 1, 3

    def __init__(self, gpio, mode=None, value=None, hold=None):
        if gpio in _FLASH_PINS or not 0 <= gpio < 40:
            raise ValueError("invalid pin")
        self.gpio = gpio
        self.init(mode, value=value, hold=hold)

    def init(self, mode=None, value=None, hold=None):
        if value is not None:
            self.value(value)
        if mode == self.OUT and self.gpio in _INPUTS:
            raise ValueError("pin can only be input")
        if hold is None or self.gpio in _INPUTS:  # there it is passed over without a word
            return
        held.pop(self.gpio, None)
        frozen.pop(self.gpio, None)
        if mode == self.OUT:  # the level set last in this boot comes out
            levels[self.gpio] = reported.get(self.gpio, 0)
        if hold:
            held[self.gpio] = levels[self.gpio]

    def value(self, level=None):
        if level is None:
            return frozen.get(self.gpio, levels.get(self.gpio, 0))
        written.append((self.gpio, level, now_ms))
        reported[self.gpio] = level
        levels[self.gpio] = held.get(self.gpio, level)


class UART:
    """`lines` are (ms, bytes) that come. A read waits for all that it wants, in whole ticks of `timeout`."""

    lines = []
    sent = b""
    open = 0

    def __init__(self, number, baud, **settings):
        if not 0 < number < 3:
            raise ValueError("UART is dedicated to the REPL, or does not exist")
        assert settings["rxbuf"] >= 2048
        self._ticks = settings["timeout"] // _TICK_MS
        UART.open += 1

    def any(self):
        return sum(len(data) for ms, data in self.lines if ms <= now_ms)

    def readinto(self, buf, most=None):
        """What is there; it waits for more for the ticks of `timeout`, never for those of `timeout_char`."""
        global idle_ms
        buf = memoryview(buf)[:most] if most is not None else memoryview(buf)
        n, ticks = 0, self._ticks
        while ticks and self.any() < len(buf):
            ticks -= 1
            pass_ms(_TICK_MS)
            idle_ms += _TICK_MS
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
    is_calibrated = True  # in the factory, in eFuse

    def __init__(self, pin, atten):
        if not 32 <= pin.gpio < 40:  # the other converter is the radio's
            raise ValueError("invalid pin")
        assert atten == ADC.ATTN_11DB

    def read_uv(self):
        if not ADC.is_calibrated:
            raise OSError(-258, "ESP_ERR_INVALID_ARG")
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
    """It cannot be stopped; another one changes its time."""

    timeout = 0

    def __init__(self, timeout):
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        WDT.timeout = timeout
        self.feed()

    def feed(self):
        global fed_ms
        fed_ms = now_ms


class Machine:
    Pin, UART, ADC, I2C, RTC, WDT = Pin, UART, ADC, I2C, RTC, WDT
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
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
        """The pads that may end it go to the RTC, and stay held afterwards; what a UART hears is lost."""
        assert ms > 0, "without a timer it may sleep for ever"
        slept.append(ms)
        began = now_ms
        for gpio in armed:
            frozen.setdefault(gpio, levels.get(gpio, 0))
        if keeps_awake or _is_woken():
            pass_ms(_CUT_SHORT_MS)
        else:
            pass_ms(ms, True)
        UART.lines = [line for line in UART.lines if not began < line[0] <= now_ms]

    def deepsleep(self, ms):
        assert ms > 0, "without a timer it may sleep for ever"
        raise Asleep(ms, armed)

    def reset(self):
        boot(self.HARD_RESET, 0)
        raise Reset


class NVS:
    """What is set is in flash at once, or from the `commit` on: it counts as the latter."""

    def __init__(self, space):
        self._named(space)
        self._pending = {}

    def set_blob(self, key, data):
        self._pending[self._named(key)] = bytes(data)

    def commit(self):
        nvs.update(self._pending)
        self._pending = {}

    def erase_key(self, key):
        if nvs.pop(key, None) is None:
            raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")

    def get_blob(self, key, buf):
        if key not in nvs:
            raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")
        if len(buf) < len(nvs[key]):
            raise OSError(-0x110C, "ESP_ERR_NVS_INVALID_LENGTH")
        buf[: len(nvs[key])] = nvs[key]
        return len(nvs[key])

    def _named(self, key):
        if len(key) > 15:
            raise OSError(-0x1109, "ESP_ERR_NVS_KEY_TOO_LONG")
        return key


class Partition:
    @staticmethod
    def mark_app_valid_cancel_rollback():
        global confirmed
        if not has_ota:
            raise OSError(-261, "ESP_ERR_NOT_FOUND")
        confirmed += 1


class Esp32:
    NVS, Partition = NVS, Partition
    WAKEUP_ALL_LOW, WAKEUP_ANY_HIGH = False, True

    def wake_on_ext1(self, pins=None, level=True):
        """None leaves the pins as they are; only an empty tuple disarms."""
        global armed
        assert level is True
        if pins is None:
            return
        for pin in pins:
            if pin.gpio not in _RTC_PINS:
                raise ValueError("invalid pin")
        armed = tuple(pin.gpio for pin in pins)


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
