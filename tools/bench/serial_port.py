"""A modem on a serial device, in real time, with the interface of `locator.hal`."""

from __future__ import annotations

import errno
import grp
import os
import time
from pathlib import Path
from typing import Any

import serial
from serial.tools import list_ports

from tools.bench import BenchError

BAUDS = (115_200, 9_600, 19_200, 38_400, 57_600, 230_400, 460_800, 921_600)
"""The rate both modems leave the factory with, then what others set them to."""
TRIES = 2
QUECTEL, MODEM_INTERFACE = 0x2C7C, "3"
"""USB vendor; of the interfaces 2 is the AT port, 3 the modem port."""
ANSWER_S = 0.4
BOOT_S = 20
"""A SIM7600 answers up to 16 s after its power key."""
KEY_S = 0.7
POLL_S = 0.01


class SerialPort:
    """The port of a PC. It has no hand on the modem's supply; RTS, asserted, presses its power key, where it
    is wired so and `key` says so."""

    def __init__(self, line: Any, key: bool) -> None:
        line.timeout = POLL_S  # set once: an adapter on the network negotiates each change for 100 ms
        self._line = line
        self._key = key
        self._began_s = time.monotonic()

    def ticks_ms(self) -> int:
        """Milliseconds since the port was opened."""
        return int((time.monotonic() - self._began_s) * 1000)

    def sleep_ms(self, ms: int) -> None:
        """Input meanwhile waits in the system's buffer."""
        time.sleep(ms / 1000)

    def uart_write(self, data: bytes) -> None:
        """Returns when the bytes are out. Raises BenchError when the device has gone."""
        try:
            self._line.write(data)
            self._line.flush()
        except (OSError, serial.SerialException) as error:
            raise BenchError(f"{self._line.port}: the device is gone: {error}") from error

    def uart_readinto(self, buffer: bytearray, timeout_ms: int) -> int:
        """Wait for the first byte, then take all there is."""
        end_s = time.monotonic() + timeout_ms / 1000
        try:
            while not (data := self._line.read(1)) and time.monotonic() < end_s:
                pass
            if data:
                data += self._line.read(min(self._line.in_waiting, len(buffer) - 1))
        except (OSError, serial.SerialException) as error:
            raise BenchError(f"{self._line.port}: the device is gone: {error}") from error
        buffer[: len(data)] = data
        return len(data)

    def modem_rail(self, on: bool) -> None:
        """Nothing: the supply of the modem is not controlled here."""

    def modem_key(self, pressed: bool) -> None:
        """By RTS, or nothing: there is no one to press it."""
        if self._key:
            self._line.rts = pressed

    def modem_reset(self, pressed: bool) -> bool:
        """An adapter has no line for it."""
        return False

    def modem_status(self) -> bool | None:
        """Nor for STATUS."""
        return None

    def modem_dtr(self, level: bool) -> None:
        """High is the adapter's DTR not asserted. A pseudo terminal has none."""
        try:
            self._line.dtr = not level
        except (OSError, serial.SerialException):
            return

    def close(self) -> None:
        """Give the device free."""
        self._line.close()


def connect(path: str, key: bool = False) -> tuple[SerialPort, int]:
    """Open `path` and find the modem on it, which may boot or, with `key`, be off: the port, its baud rate.

    Raises BenchError: no such device, no permission, busy, silent at each rate, no modem.
    """
    line = _open(path, key)
    if key:
        _need_rts(line)
    noise, may_press, end_s = b"", key, time.monotonic() + BOOT_S
    while time.monotonic() < end_s:
        for baud in [each for each in BAUDS for _ in range(TRIES)]:
            line.baudrate = baud
            got = _ask(line)
            if b"OK" in got or got.endswith(b"0\r"):
                return SerialPort(line, key), baud
            noise = noise or got
        if may_press and not noise:
            may_press, end_s = False, time.monotonic() + BOOT_S
            _press(line)
    line.close()
    raise BenchError(f"{path}: {_why_no_modem(noise)}")


def _why_no_modem(noise: bytes) -> str:
    """What to do where AT was answered by `noise`, or by nothing."""
    tried = ", ".join(str(baud) for baud in BAUDS)
    if noise:
        return (
            f"no modem: AT was answered by {noise[:40]!r} and never by OK, tried at {tried} baud; "
            "choose the modem's AT port, or set it to one of these rates with AT+IPR"
        )
    return (
        f"silent: no answer to AT at {tried} baud; is the modem switched on, its TX and RX not "
        "swapped, and not in data or quiet mode (ATQ1)?"
    )


def urc_port(path: str) -> str:
    """The name of the port in AT+QURCCFG if it is the modem's own USB; empty for a UART with an adapter."""
    device = os.path.realpath(path)
    for port in list_ports.comports():
        if port.device == device and port.vid == QUECTEL:
            interface = (port.location or "").rpartition(".")[2]
            return "usbmodem" if interface == MODEM_INTERFACE else "usbat"
    return ""


def _open(path: str, key: bool) -> Any:
    try:
        local = {} if "://" in path else {"write_timeout": 5, "exclusive": True}
        line = serial.serial_for_url(path, BAUDS[0], timeout=ANSWER_S, do_not_open=True, **local)
        if key:
            line.rts = False  # asserted by default: that would press it
        line.open()
        return line
    except (OSError, ValueError, serial.SerialException) as error:
        raise BenchError(f"{path}: {cause_of(path, error)}") from error


def _press(line: Any) -> None:
    line.rts = True
    time.sleep(KEY_S)
    line.rts = False


def _need_rts(line: Any) -> None:
    try:
        line.rts = False
    except (OSError, serial.SerialException) as error:
        line.close()
        raise BenchError(f"{line.port}: has no RTS for a power key; leave out --key") from error


def cause_of(path: str, error: Exception) -> str:
    """The error and its remedy in one line."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return f"no such device; {_there()}"
    if number == errno.EISDIR or os.strerror(errno.ENOTTY) in str(error):
        return f"it is no serial device; {_there()}"
    if number in (errno.EACCES, errno.EPERM):
        group = _group(path)
        return f"no permission; it needs group {group}: sudo usermod -aG {group} $USER, then log in again"
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return f"busy: {_holder(path)} has it open; close it first"
    return str(error)


def _there() -> str:
    there = ", ".join(sorted(port.device for port in list_ports.comports()))
    return f"there {'are ' + there if there else 'is no serial device at all'}"


def _group(path: str) -> str:
    number = os.stat(path).st_gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _holder(path: str) -> str:
    """The first program that has the device open, as far as permissions show."""
    wanted = os.path.realpath(path)
    for folder in Path("/proc").glob("[0-9]*/fd"):
        if folder.parent.name == str(os.getpid()):
            continue
        try:
            if any(os.readlink(entry) == wanted for entry in folder.iterdir()):
                name = (folder.parent / "comm").read_text().strip()
                return f"{name} (process {folder.parent.name})"
        except OSError:
            continue
    return "another program"


def _ask(line: Any) -> bytes:
    """The input within ANSWER_S after an AT."""
    try:
        line.reset_input_buffer()
        line.write(b"AT\r")
        got, deadline_s = b"", time.monotonic() + ANSWER_S
        while time.monotonic() < deadline_s and b"OK\r" not in got:
            got += line.read(max(1, line.in_waiting))
        return got
    except (OSError, serial.SerialException) as error:
        raise BenchError(f"{line.port}: the device is gone: {error}") from error
