"""The bench as a command: messages without a modem, and runs over a pseudo terminal."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import tty
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import serial
from serial.tools import list_ports

from host_tests.support.bench_line import request, run
from host_tests.support.simulated_modem import ModemUnderTest
from tools.bench import DRIVERS, BenchError, __main__, serial_port, steps, work
from tools.bench import run as bench_run
from tools.bench.kinds import KINDS
from tools.flash import boards
from tools.flash.layout import REPOSITORY

pytestmark = pytest.mark.slow

WAIT_S = 60


class Silence:
    """Bytes on a stub's line, each way: when all have come nothing else will, and no wait need last."""

    def __init__(self) -> None:
        self.asked = self.heard = self.answered = self.taken = 0
        self._skipped_s = 0.0

    @property
    def certain(self) -> bool:
        return self.asked == self.heard and self.answered == self.taken

    def monotonic(self) -> float:
        """As that of `time`."""
        return time.monotonic() + self._skipped_s

    def sleep(self, s: float) -> None:
        """As that of `time`."""
        self._skipped_s += s


class CountedSerial(serial.Serial):  # type: ignore[misc]
    """Counts what passes, and skips the time of a certain silence."""

    silence: Silence
    timeout: float

    def write(self, data: bytes) -> Any:
        self.silence.asked += len(data)
        return super().write(data)

    def read(self, size: int = 1) -> bytes:
        patience_s = self.timeout
        end_s = time.monotonic() + patience_s
        self.timeout = min(patience_s, 0.02)
        data = b""
        try:
            while not data and not (self.is_open and self.silence.certain) and time.monotonic() < end_s:
                data = super().read(size)
        finally:
            self.timeout = patience_s
        self.silence.taken += len(data)
        self.silence.sleep(0.0 if data else max(0.0, end_s - time.monotonic()))
        return data


@contextmanager
def stub(answer: Callable[[bytes], bytes], silence: Silence | None = None) -> Iterator[str]:
    """Something on a pseudo terminal that answers each line; the path of its device."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)

    stop = threading.Event()

    def serve() -> None:
        line = b""
        while not stop.is_set():
            if not select.select([ours], [], [], 0.02)[0]:
                continue
            line += (heard := os.read(ours, 256))
            while b"\r" in line:
                command, _, line = line.partition(b"\r")
                said = answer(command)
                if silence:
                    silence.answered += len(said)  # before it is written: it has to be waited for
                os.write(ours, said)
            if silence:
                silence.heard += len(heard)

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    try:
        yield os.ttyname(theirs)
    finally:
        stop.set()
        server.join(WAIT_S)
        os.close(theirs)
        os.close(ours)


def answering(**known: str) -> Callable[[bytes], bytes]:
    """A modem that knows few commands; None is silence from there on."""
    hung = False

    def answer(command: bytes) -> bytes:
        nonlocal hung
        name = command.decode()[2:].strip("+?").split("=")[0]
        hung = hung or known.get(name) == "hang"
        if hung:
            return b""
        if name in ("", "E0", "E1", "V1"):
            return b"\r\nOK\r\n"
        return f"\r\n{known[name]}\r\n\r\nOK\r\n".encode() if name in known else b"\r\nERROR\r\n"

    return answer


@pytest.fixture
def silence(monkeypatch) -> Silence:
    """Silence takes no time; an answer has as long as it takes."""
    counted = Silence()
    monkeypatch.setattr(serial_port, "ANSWER_S", WAIT_S)
    for module, name in ((work, "COMMAND_MS"), (bench_run, "COMMAND_MS"), (bench_run, "HUNG_MS")):
        monkeypatch.setattr(module, name, 1_000 * WAIT_S)
    monkeypatch.setattr(serial_port, "time", counted)
    monkeypatch.setattr(CountedSerial, "silence", counted, raising=False)
    monkeypatch.setattr(serial, "Serial", CountedSerial)
    return counted


def command(monkeypatch, *options: Any) -> int:
    """The exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, options)])
    handlers = [signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    try:
        return __main__.main()
    except SystemExit as leave:
        return int(leave.code or 0)
    finally:
        for name, handler in zip((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), handlers, strict=True):
            signal.signal(name, handler)


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--port"),
        (["--port", "/dev/none", "--replay", "x"], "not allowed with"),
        (["--port", "/dev/none"], "no such device"),
        (["--port", "/dev/null"], "/dev/null: it is no serial device; there "),
        (["--port", "/dev"], "/dev: it is no serial device; there "),
        (["--port", "rfc2271://adapter:5001"], "invalid URL, protocol 'rfc2271' not known"),
        (["--port", "/dev/none", "--board", "NONE"], "no board 'NONE': known boards are DEVKIT_SIM7600"),
        (["--port", "/dev/none", "--volts", "3.8"], "--volts goes with --meter FILE"),
        (
            ["--replay", "x", "--meter", "p.csv", "--volts", "38"],
            "'38' is not a supply voltage; write 1 to 20",
        ),
        (["--port", "/dev/none", "--broker", "host"], "'host' is not a broker address; write HOST:PORT"),
        (["--port", "/dev/none", "--broker", "host:8883"], "--broker needs --ca, --user and --password"),
        (["--port", "/dev/none", "--repeat", "0"], "'0' is not a number of rounds"),
        (["--port", "/dev/none", "--meter", "/no/folder/p.csv"], "no such folder"),
        (["--replay", "/no/transcript"], "cannot be read"),
        (["--replay", "x", "--repeat", "2"], "--replay does what the transcript was asked for"),
        (
            ["--port", "/dev/none", "--broker", "h:1", "--ca", __file__, "--user", "u", "--password", "p"],
            "no certificate in PEM",
        ),
    ],
)
def test_errors_are_one_line(options, said, monkeypatch, capsys):
    assert command(monkeypatch, *options) == 2
    assert said in one_line(capsys.readouterr().err)


def test_the_modem_of_every_board_is_known():
    found = {name: __main__.modem_of(name) for name in boards.names()}
    assert found.pop("SIM") == ""  # it may have either
    assert {"REFERENCE_BG95": "bg95", "LILYGO_T_SIM7600": "sim7600"}.items() <= found.items()
    assert set(found.values()) <= set(DRIVERS)


def test_busy(monkeypatch, capsys):
    with stub(answering()) as path, serial.Serial(path, exclusive=True):
        assert command(monkeypatch, "--port", path) == 2
    assert "busy: another program has it open" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EACCES, "no permission; it needs group "), (errno.EBUSY, "busy: "), (errno.EIO, "Input/output")],
)
def test_a_device_that_cannot_be_opened(number, said, monkeypatch, tmp_path):
    def refuse(*args: Any, **options: Any) -> None:
        raise serial.SerialException(number, os.strerror(number))

    monkeypatch.setattr(serial, "Serial", refuse)
    device = tmp_path / "device"
    device.touch()
    with pytest.raises(BenchError) as raised:
        serial_port.connect(str(device))
    assert said in str(raised.value)


def test_the_group_is_named(tmp_path):
    device = tmp_path / "device"
    device.touch()
    words = serial_port.cause_of(str(device), serial.SerialException(errno.EACCES, "no"))
    assert f"usermod -aG {device.group()} $USER" in words


def test_silent_at_every_rate(silence, monkeypatch, capsys):
    with stub(lambda command: b"", silence) as path:
        assert command(monkeypatch, "--port", path) == 2
    said = one_line(capsys.readouterr().err)
    assert "silent" in said and "115200, 9600" in said


def test_a_line_without_rts(monkeypatch, capsys):
    with stub(answering()) as path:
        assert command(monkeypatch, "--port", path, "--key") == 2
    assert "has no RTS" in one_line(capsys.readouterr().err)


def test_rts_presses_the_key():
    line = types.SimpleNamespace(rts=False)
    for key, pressed in ((False, False), (True, True)):
        serial_port.SerialPort(line, key).modem_key(True)
        assert line.rts is pressed


def test_not_a_modem(silence, monkeypatch, capsys):
    with stub(lambda command: b"$GPGGA,,,\r\n", silence) as path:
        assert command(monkeypatch, "--port", path) == 2
    said = one_line(capsys.readouterr().err)
    assert "no modem" in said and "$GPGGA" in said and "115200" in said


def test_another_modem(silence, monkeypatch, capsys):
    with stub(answering(CGMM="SIM800 R14", I="SIM800 R14"), silence) as path:
        assert command(monkeypatch, "--port", path) == 2
    assert "it is a SIM800 R14; there are drivers for bg95 and sim7600" in one_line(capsys.readouterr().err)


def test_another_rate(silence, monkeypatch):
    class Slow:
        """A modem set to 9600 baud."""

        port, timeout, baudrate, in_waiting = "/dev/slow", 0.0, 0, 0

        def __init__(self, path: str | None, baudrate: int, **options: Any) -> None:
            self.sent = b""

        def open(self) -> None:
            pass

        def reset_input_buffer(self) -> None:
            self.sent = b""

        def write(self, data: bytes) -> None:
            self.sent += data

        def read(self, count: int) -> bytes:
            got, self.sent = self.sent, b""
            silence.sleep(0.0 if got else WAIT_S)
            return (b"\r\nOK\r\n" if self.baudrate == 9_600 else b"\xfe\x80") if got else b""

    monkeypatch.setattr(serial, "Serial", Slow)
    assert serial_port.connect("/dev/slow")[1] == 9_600


class Off:
    """A modem that is off: it hears `AT` some time after its power key was pressed for long enough."""

    port, timeout, baudrate, in_waiting = "/dev/off", 0.0, 0, 0
    silence: Silence

    def __init__(self, path: str | None, baudrate: int, **options: Any) -> None:
        self.sent = b""
        self._pressed_s = self._ready_s = float("inf")
        self._rts = False

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, pressed: bool) -> None:
        now_s = self.silence.monotonic()
        if pressed:
            self._pressed_s = now_s
        elif self._rts and now_s - self._pressed_s >= 0.5:
            self._ready_s = now_s + 16
        self._rts = pressed

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def reset_input_buffer(self) -> None:
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.sent += data

    def read(self, count: int) -> bytes:
        got, self.sent = self.sent, b""
        if got and self.baudrate == 115_200 and self.silence.monotonic() >= self._ready_s:
            return b"\r\nOK\r\n"
        self.silence.sleep(0.4)
        return b""


@pytest.mark.parametrize("key", [False, True])
def test_the_power_key_wakes_a_modem_that_is_off(key, silence, monkeypatch):
    monkeypatch.setattr(serial_port, "ANSWER_S", 0.4)
    monkeypatch.setattr(Off, "silence", silence, raising=False)
    monkeypatch.setattr(serial, "Serial", Off)
    if key:
        assert serial_port.connect("/dev/off", key)[1] == 115_200
    else:
        with pytest.raises(BenchError, match="is the modem switched on"):
            serial_port.connect("/dev/off", key)


@pytest.mark.parametrize(
    ("vendor", "location", "name"),
    [
        (0x2C7C, "1-1:1.2", "usbat"),
        (0x2C7C, "1-1:1.3", "usbmodem"),
        (0x1A86, "1-1:1.2", ""),
        (None, None, ""),
    ],
)
def test_where_unsolicited_lines_have_to_come(vendor, location, name, monkeypatch):
    port = types.SimpleNamespace(device="/dev/null", vid=vendor, location=location)
    monkeypatch.setattr(list_ports, "comports", lambda: [port])
    assert serial_port.urc_port("/dev/null") == name


def test_a_modem_that_hangs(silence, monkeypatch, capsys, tmp_path):
    known = {"CGMM": "BG95-M3", "I": "BG95-M3", "CGMI": "Quectel", "CGMR": "BG95M3LAR02A03", "CGSN": "1"}
    with stub(answering(**known, CPIN="hang"), silence) as path:
        assert command(monkeypatch, "--port", path, "--out", tmp_path) == 1
    said = capsys.readouterr()
    assert "hangs at step sim: no answer to AT+CPIN?" in said.err
    assert "1 identity  ok" in said.out and "1 sim       hangs" in said.out
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["ok"] is False and content["steps"][-1]["state"] == "hangs"


def test_a_device_that_is_pulled_out(silence, monkeypatch, capsys, tmp_path):
    class Pulled(CountedSerial):
        def write(self, data: bytes) -> Any:
            if b"CPIN" in bytes(data):
                self.close()
            return super().write(data)

    monkeypatch.setattr(serial, "Serial", Pulled)
    known = {"CGMM": "BG95-M3", "I": "BG95-M3", "CGSN": "1"}
    with stub(answering(**known), silence) as path:
        assert command(monkeypatch, "--port", path, "--out", tmp_path) == 1
    assert "hangs at step sim: " in capsys.readouterr().err


@contextmanager
def simulated(dialect: str, *options: str) -> Iterator[str]:
    """The simulated modem as a program; the device to open, or the address."""
    program = [sys.executable, "-m", "tools.modem", "--dialect", dialect, *options]
    with subprocess.Popen(program, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as modem:
        try:
            assert modem.stdout
            yield modem.stdout.readline().strip()
        finally:
            modem.terminate()


@contextmanager
def terminal(dialect: str) -> Iterator[str]:
    """One on a pseudo terminal, its time running fast, that has booted."""
    with simulated(dialect, "--pty", "--speed", "50") as path:
        with serial.Serial(path, timeout=0.5) as port:
            for _ in range(2 * WAIT_S):
                port.write(b"AT+CPIN?\r")
                if b"READY" in port.read_until(b"READY"):
                    break
        yield path


@pytest.mark.parametrize(("dialect", "board"), [("bg95", "REFERENCE_BG95"), ("sim7600", "LILYGO_T_SIM7600")])
def test_all_steps_over_a_pseudo_terminal(dialect, board, monkeypatch, capsys, tmp_path):
    for name in ("RADIO_OFF_MS", "IDLE_MS", "TRACK_MS", "TAIL_MS", "EXTENDED_MS", "ASLEEP_MS"):
        monkeypatch.setattr(steps, name, 100)
    monkeypatch.setitem(KINDS, dialect, replace(KINDS[dialect], doze_ms=100))
    with terminal(dialect) as path:
        options = ("--port", path, "--board", board, "--out", tmp_path)
        assert command(monkeypatch, *options) == 0, capsys.readouterr().err
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["ok"] and content["run"]["modem"] == dialect and content["not_restored"] == {}
    assert {one["step"]: one["state"] for one in content["steps"]}["mqtt"] == "skipped"
    assert "| 1 | mqtt | skipped | 0.0 | no --broker given |" in (tmp_path / "report.md").read_text()


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # of pyserial
def test_down_and_up_over_an_adapter_on_the_network(monkeypatch, capsys, tmp_path):
    wanted = {name: steps.STEPS[name] for name in ("identity", "park", "resume", "sleep")}
    monkeypatch.setattr(bench_run, "STEPS", wanted)
    for name in ("PARKED_MS", "ASLEEP_MS"):
        monkeypatch.setattr(steps, name, 1_000)
    with simulated("bg95", "--rfc2217", "0", "--speed", "3") as address:
        options = ("--port", f"rfc2217://{address}", "--key", "--out", tmp_path)
        assert command(monkeypatch, *options) == 0, capsys.readouterr().err
    found = {one["step"]: one["found"] for one in json.loads((tmp_path / "report.json").read_text())["steps"]}
    assert found["park"]["psm_granted"] is True  # some networks hold a connection for longer than it waits
    assert found["resume"]["result"] == "registered"
    assert found["sleep"]["slept"] is True


def test_an_adapter_that_is_not_there(monkeypatch, capsys):
    assert command(monkeypatch, "--port", "rfc2217://localhost:1") == 2
    assert "rfc2217://localhost:1: " in one_line(capsys.readouterr().err)


def test_interrupted_over_a_pseudo_terminal(tmp_path):
    with terminal("bg95") as path:
        program = [sys.executable, "-u", "-m", "tools.bench", "--port", path, "--out", str(tmp_path)]
        with subprocess.Popen(program, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as bench:
            assert bench.stdout
            for line in bench.stdout:
                if line.startswith("1 sim"):
                    break
            bench.send_signal(signal.SIGTERM)
            out, _ = bench.communicate(timeout=300)
    assert bench.returncode == 130, out
    assert "put back +CMEE: 0" in out and "put back echo: 1" in out
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["not_restored"] == {} and content["interrupted"] and not content["ok"]


def test_replay_with_a_profile(monkeypatch, capsys, tmp_path):
    line = ModemUnderTest("bg95")
    line.boot()
    line.run(60_000)
    line.output.clear()
    outcome, text = run(line, request("bg95"))
    (tmp_path / "transcript.jsonl").write_text(text)
    last_s = max(one.end_ms for one in outcome.results) / 1000
    levels = [
        (one.begin_ms / 1000, 0.1 + 0.05 * i) for i, one in enumerate(outcome.results) if one.state == "ok"
    ]
    rows = [
        "time,current,voltage",
        "0,0.01,3.6",
        *(f"{at},{amps},3.6" for at, amps in levels),
        f"{last_s},0.01,3.6",
        f"{last_s + 60},0,3.6",
    ]
    profile = tmp_path / "p.csv"
    profile.write_text("\n".join(rows))
    options = ["--replay", tmp_path / "transcript.jsonl", "--meter", profile, "--out", tmp_path]
    assert command(monkeypatch, *options) == 0, capsys.readouterr().err
    content = json.loads((tmp_path / "energy.json").read_text())
    assert content["modem"] == "bg95" and content["phases"]["gnss"]["joules"]["n"] == 1
    assert "gnss_search_w" in content["constants"]
    assert "| gnss/cold |" in (tmp_path / "report.md").read_text()
    profile.write_text("time,current\n1,2\n")
    assert command(monkeypatch, *options) == 2
    assert "no column voltage; give the supply's voltage with --volts" in one_line(capsys.readouterr().err)
    profile.write_text("\n".join(row.rpartition(",")[0] for row in rows))
    assert command(monkeypatch, *options, "--volts", "3.6") == 0, capsys.readouterr().err
    assert json.loads((tmp_path / "energy.json").read_text())["phases"] == content["phases"]
    profile.write_text("\n".join(rows))
    assert command(monkeypatch, *options, "--volts", "3.6") == 2
    assert "the recording has its own voltage" in one_line(capsys.readouterr().err)
