"""The lock-step between the world and a MicroPython process, with a small device of its own."""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import simpy

from tools.world.device import cpu
from tools.world.device.lockstep import Device
from tools.world.device.meter import ESP32_W, SLEEP_FLOOR_W, Meter
from tools.world.device.process import interpreter
from tools.world.device.rtc import Rtc
from tools.world.services.clock import VirtualClock
from tools.world.trip import START_UTC_S, Sense

PORT = """
import struct, os
from io import open as _open

class Port:
    def __init__(self):
        self.file = _open(int(os.getenv("LOCKSTEP_FD")), "r+b", 0)
        self.now = 0

    def send(self, op, payload=b"", cpu=0):
        self.file.write(struct.pack("<BIH", op, cpu, len(payload)) + payload)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            data += self.file.read(count - len(data))
        return data

    def ask(self, op, payload=b"", cpu=0):
        self.send(op, payload, cpu)
        self.now, length = struct.unpack("<IH", self.exactly(6))
        return self.exactly(length) if length else b""

    def read(self, timeout, most, data=b"", cpu=0):
        return self.ask(1, struct.pack("<IH", timeout, most) + data, cpu)

    def log(self, text):
        with open("log.txt", "a") as file:
            file.write(text + "\\n")

port = Port()
hello = port.ask(5)
cause, wake, seconds, ms, costs = struct.unpack_from("<BBIHB", hello)
rtc = port.ask(12)
port.log("hello %d %d %d.%03d %d %s" % (cause, wake, seconds, ms, port.now, bytes(rtc).decode()))

def deep_sleep(ms, wake_on=0):
    port.send(9, struct.pack("<IB", ms, wake_on))
    raise SystemExit
"""


@pytest.fixture(autouse=True)
def starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start takes a second and a half."""
    monkeypatch.setattr(cpu, "wake_us", lambda power_on=False: 1_500_000)


class FakeModem:
    """Answers each command after 5 ms with two lines 1 ms apart, and says RING every hour."""

    on_output: Callable[[bytes], None]
    on_line: Callable[[str, str], None]

    def __init__(self, env: simpy.Environment, charge: Callable[[str, str], None]) -> None:
        self.env = env
        self.charge = charge
        self.pins: list[tuple[str, bool]] = []
        env.process(self._ring())

    def receive(self, data: bytes) -> None:
        self.on_line(">", data.decode().strip())
        self.env.process(self._reply())

    def rail(self, on: bool) -> None:
        self.pins.append(("rail", on))

    def key(self, pressed: bool) -> None:
        self.pins.append(("key", pressed))

    def dtr(self, level: bool) -> None:
        self.pins.append(("dtr", level))

    def _say(self, line: str) -> None:
        self.on_line("<", line)
        self.on_output(f"\r\n{line}\r\n".encode())

    def _reply(self) -> Generator[simpy.Event, None, None]:
        self.charge("modem", "tx")
        yield self.env.timeout(5)
        self.charge("modem", "idle")
        self._say("+CSQ: 20,99")
        yield self.env.timeout(1)
        self._say("OK")

    def _ring(self) -> Generator[simpy.Event, None, None]:
        while True:
            yield self.env.timeout(3_600_000)
            self._say("RING")


class FakeTrip:
    """A standing train that is shaken, opened and runs out of power when a test says so."""

    seed = 1

    def __init__(self) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.meter = Meter(self.env, "bg95")
        self.rtc = Rtc(0.0, lambda ms: 20.0)
        self.motion_ms: int | None = None
        self.light_ms: int | None = None
        self.fails_at_ms: int | None = None
        self.recovers_at_ms = 0
        """When the battery can start a board again."""

    def sense(self) -> Sense:
        return Sense(int(self.env.now), 3600, -305, 7, 12)

    def next_motion_ms(self, after_ms: int) -> int | None:
        return self.motion_ms if self.motion_ms and self.motion_ms > after_ms else None

    def next_light_ms(self, after_ms: int) -> int | None:
        return self.light_ms if self.light_ms and self.light_ms > after_ms else None

    def can_start(self) -> bool:
        return self.env.now >= self.recovers_at_ms

    def power_failed(self) -> bool:
        if self.fails_at_ms is None or self.env.now < self.fails_at_ms:
            return False
        if self.can_start():
            self.fails_at_ms = None
            return not self.recovers_at_ms
        return True


class Rig:
    """A device with the given program, and what is needed to run it."""

    def __init__(self, folder: Path, program: str, fixed_cpu: bool = False) -> None:
        self.flash = folder
        (folder / "power_on.py").write_text(PORT + program)
        self.trip = FakeTrip()
        self.modem = FakeModem(self.trip.env, self.trip.meter.state)
        self.clock = VirtualClock(folder / "clock", START_UTC_S)
        self.device = Device(
            self.trip,  # type: ignore[arg-type]
            self.modem,  # type: ignore[arg-type]
            folder,
            interpreter(),
            self.clock,
            fixed_cpu,
        )

    def run(self, until_ms: int) -> list[str]:
        self.device.run(until_ms, lambda now_ms: None)
        self.device.close()
        log = self.flash / "log.txt"
        return log.read_text().splitlines() if log.exists() else []


def log_of(folder: Path, program: str, until_ms: int) -> list[str]:
    return Rig(folder, program).run(until_ms)


def test_deep_sleep_by_timer_keeps_only_rtc_memory_and_flash(tmp_path: Path) -> None:
    log = log_of(tmp_path, 'port.ask(6, rtc + b"x")\ndeep_sleep(60_000)', 125_000)
    assert log == [
        "hello 1 0 0.000 1500 ",
        "hello 4 1 61.500 1500 x",
        "hello 4 1 123.000 1500 xx",
    ]


def test_a_start_takes_the_sum_of_its_terms_and_reads_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert all(each.least_ms <= each.ms <= each.most_ms for each in cpu.terms())
    assert cpu.wake_us() == round(1_000 * sum(each.ms for each in cpu.terms()))
    assert cpu.wake_us(power_on=True) - cpu.wake_us() == 45 * (cpu.READS_POWER_ON - cpu.READS)


def test_a_fixed_cpu_makes_the_same_transcript_of_any_work(tmp_path: Path) -> None:
    found = []
    for cpu_us, fixed in ((0, True), (70_000, True), (70_000, False)):
        folder = tmp_path / f"{cpu_us}{fixed}"
        folder.mkdir()
        program = f'port.read(100, 99, b"AT+CSQ\\r", {cpu_us})\ndeep_sleep(60_000)'
        rig = Rig(folder, program, fixed)
        rig.run(200_000)
        found.append((rig.device.transcript_digest(), rig.trip.meter.total_j()))
    assert found[0] == found[1] != found[2]


def test_the_cpu_computes_slower_and_cheaper_while_the_modem_is_on(tmp_path: Path) -> None:
    program = """
before = port.now
port.ask(8, b"", 100_000)
port.ask(3, b"\\x00\\x01")
port.log(str(port.now - before))
before = port.now
port.ask(8, b"", 100_000)
port.log(str(port.now - before))
deep_sleep(9_000_000)
"""
    rig = Rig(tmp_path, program)
    assert rig.run(10_000)[1:] == ["100", "200"]
    joules = rig.trip.meter.joules_by_state()
    assert joules["esp32", "active-80"] == pytest.approx(0.2 * 0.112)


def test_read_answers_at_the_end_of_a_burst_or_at_the_time_out(tmp_path: Path) -> None:
    program = """
for most, data in ((99, b"AT+CSQ\\r"), (8, b"AT+CSQ\\r"), (99, b""), (99, b"")):
    got = port.read(100, most, data)
    port.log("%r %d" % (bytes(got), port.now))
deep_sleep(9_000_000)
"""
    log = log_of(tmp_path, program, 10_000)[1:]
    replies = [line.rsplit(" ", 1)[0] for line in log]
    assert replies == [
        r"b'\r\n+CSQ: 20,99\r\n\r\nOK\r\n'",
        r"b'\r\n+CSQ: '",
        r"b'20,99\r\n\r\nOK\r\n'",
        "b''",
    ]
    times = [int(line.rsplit(" ", 1)[1]) for line in log]
    assert times[3] - times[2] == 100
    assert 7 <= times[0] - 1_500 <= 15


def test_senses_pins_random_and_cpu_time(tmp_path: Path) -> None:
    program = """
port.ask(3, b"\\x00\\x01")
port.ask(3, b"\\x01\\x01")
port.log(str(struct.unpack("<HhIH", port.ask(4, b"", 2_500_700))))
port.log(str(port.now))
port.ask(8, b"hello")
port.log(str(len(port.ask(7, b"\\x10"))))
port.ask(2, struct.pack("<I", 500) + b"AT\\r")
port.log(str(port.now))
deep_sleep(9_000_000)
"""
    rig = Rig(tmp_path, program)
    assert rig.run(10_000)[1:] == ["(3600, -305, 7, 12)", "6501", "16", "7001"]  # at half the clock
    assert rig.modem.pins == [("rail", True), ("key", True)]
    light_j = rig.trip.meter.joules_by_state()["esp32", "light"]
    assert light_j == pytest.approx(0.5 * 0.0036)


def test_the_clock_of_the_device_gains_asleep_and_not_awake(tmp_path: Path) -> None:
    program = """
port.ask(4, b"", 40_000)
port.ask(2, struct.pack("<I", 100_000))
port.log(str(port.now))
deep_sleep(1_000_000)
"""
    rig = Rig(tmp_path, program)
    rig.trip.rtc = Rtc(10_000.0, lambda ms: 20.0)
    log = rig.run(2_400_000)
    assert [line for line in log if line.startswith("hello")] == [
        "hello 1 0 0.000 1500 ",
        "hello 4 1 1101.541 1500 ",
        "hello 4 1 2203.082 1500 ",
    ]
    assert log[1] == "101540"
    light_s = rig.trip.meter.joules_by_state()["esp32", "light"] / 0.0036
    assert light_s == pytest.approx(3 * 100_000 / 1_010, abs=0.01)
    assert int(rig.trip.env.now) == 2_400_000


@pytest.mark.parametrize(
    ("armed", "hello"),
    [(3, "hello 4 2 20.000 1500 "), (2, "hello 4 3 30.000 1500 "), (0, "hello 4 1 61.500 1500 ")],
)
def test_motion_and_light_wake_when_armed(tmp_path: Path, armed: int, hello: str) -> None:
    rig = Rig(tmp_path, f"deep_sleep(60_000, {armed})")
    rig.trip.motion_ms, rig.trip.light_ms = 20_000, 30_000
    assert rig.run(62_000)[1] == hello


def test_a_crash_is_reported_and_restarts_the_device(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = """
port.ask(6, b"kept")
if cause == 1:
    raise OSError("no such pin")
deep_sleep(9_000_000)
"""
    rig = Rig(tmp_path, program)
    assert rig.run(5_000) == ["hello 1 0 0.000 1500 ", "hello 2 0 2.500 1500 kept"]
    assert rig.device.counters.crashes == 1
    assert "OSError: no such pin" in caplog.text


def test_reset_and_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.world.device.process.REAL_SECONDS_A_WAKE", 0.3)
    program = """
if cause == 1:
    port.send(10)
    raise SystemExit
while seconds < 3:
    pass
deep_sleep(9_000_000)
"""
    rig = Rig(tmp_path, program)
    log = rig.run(5_000)
    assert log == ["hello 1 0 0.000 1500 ", "hello 2 0 1.500 1500 ", "hello 2 0 4.000 1500 "]
    counters = rig.device.counters
    assert (counters.wakes, counters.resets, counters.hangs, counters.crashes) == (3, 1, 1, 0)


def test_power_failure_takes_rail_and_rtc_memory(tmp_path: Path) -> None:
    program = 'port.ask(6, b"kept")\nport.read(1_000, 99, b"AT\\r")\ndeep_sleep(9_000_000)'
    rig = Rig(tmp_path, program)
    rig.trip.fails_at_ms = 1_502
    assert rig.run(5_000) == ["hello 1 0 0.000 1500 ", "hello 1 0 0.000 1500 "]
    assert rig.device.counters.brown_outs == 1
    assert ("rail", False) in rig.modem.pins


def test_a_board_that_sleeps_needs_no_voltage_to_start_with(tmp_path: Path) -> None:
    rig = Rig(tmp_path, 'port.ask(6, b"kept")\ndeep_sleep(60_000)')
    rig.run(1)
    rig.trip.recovers_at_ms = 900_000_000
    assert rig.run(70_000)[1].startswith("hello 4 1 ")
    assert rig.device.counters.brown_outs == 0 and rig.device.rtc_memory == b"kept"


def test_a_board_that_is_off_fails_once_and_starts_when_the_battery_can_start_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "deep_sleep(3_600_000)")

    def ticks() -> Generator[simpy.Event, None, None]:
        while True:
            yield rig.trip.env.timeout(60_000)

    rig.trip.env.process(ticks())
    rig.run(1)
    rig.trip.fails_at_ms, rig.trip.recovers_at_ms = 7_100_000, 14_000_000
    log = rig.run(30_000_000)
    assert rig.device.counters.brown_outs == 1
    assert [line[:7] for line in log[:4]] == ["hello 1", "hello 4", "hello 1", "hello 4"]
    joules = rig.trip.meter.joules_by_state()
    asleep_s = 30_000 - 2 * 3_600  # the battery is tried once an hour
    assert joules["esp32", "sleep"] == pytest.approx(asleep_s * SLEEP_FLOOR_W["bg95"], rel=0.01)


def test_the_supply_is_looked_at_where_nothing_happens(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "deep_sleep(60_000)")
    rig.trip.fails_at_ms = 61_000
    rig.run(62_000)
    assert rig.device.counters.brown_outs == 1


def test_same_seed_same_transcript_and_the_meter_adds_up(tmp_path: Path) -> None:
    digests = []
    program = """
cpu_us = struct.unpack("<H", port.ask(7, b"\\x02"))[0]
port.read(1_000, 99, b"AT+CSQ\\r", cpu_us)
deep_sleep(60_000)
"""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        rig = Rig(tmp_path / name, program)
        rig.run(3_600_000)
        digests.append(rig.device.transcript_digest())
    assert digests[0] == digests[1]
    joules = rig.trip.meter.joules_by_state()
    assert sum(joules.values()) == pytest.approx(rig.trip.meter.total_j())
    wakes = rig.device.counters.wakes
    assert joules["esp32", "active"] > wakes * 1.5 * ESP32_W["active"]
    assert joules["modem", "tx"] == pytest.approx(wakes * 0.005 * 0.79)


def test_the_clock_file_follows(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "deep_sleep(60_000)")
    seen = []
    plain = rig.modem.on_line

    def note(direction: str, line: str) -> None:
        seen.append(struct.unpack("<Q", (tmp_path / "clock").read_bytes())[0])
        plain(direction, line)

    rig.modem.on_line = note
    rig.run(2 * 3_600_000 + 30_000)
    assert seen == [(START_UTC_S + hours * 3_600) * 1_000_000 for hours in (1, 2)]
