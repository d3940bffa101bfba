"""A board's MicroPython at a serial port, accessed by mpremote; paths start at its root."""

import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

from tools.flash import LayoutError
from tools.flash.micropython import too_old

NO_PERMISSION = "no permission for {port}: sudo usermod -aG dialout $USER, then log in again"
CHUNK = 1024
PATIENCE_S = 30
"""Seconds in which a person must press RESET."""
ANSWER_S = 5
"""Seconds in which the prompt must answer a byte. Without power the board never does, and its port stays."""
MPY_VERSION = 6
_WATCHDOG = """
try:
    import machine
    machine.WDT(timeout=900000)
except (ImportError, AttributeError):
    pass
"""
"""The firmware's watchdog outlasts a soft reset and cannot be stopped; 15 minutes are enough for us."""
_WHO = """
import machine, os, sys
stat = os.statvfs(".")
version, mpy = sys.implementation.version, getattr(sys.implementation, "_mpy", 0) & 255
print((version[:2], "".join(version[3:]), mpy, stat[0] * stat[3], machine.unique_id().hex()))
"""
RESET = "import machine\nmachine.reset()"

Progress = Callable[[int, int], None]
"""Called with bytes written and bytes in all."""


@contextmanager
def _answering() -> Iterator[None]:
    """A board that falls silent, or sends what was not asked for, becomes `LayoutError` with the remedy."""
    try:
        yield
    except TransportExecError as error:
        raise LayoutError(error.error_output.strip().splitlines()[-1]) from None
    except (TransportError, struct.error, OSError) as error:
        why = str(error).strip() or "silence"
        raise LayoutError(f"the board no longer answers ({why}): check cable and supply, repeat") from None


class Device:
    """The board, stopped and waiting. Close it when done; `restart` lets it run again."""

    def __init__(self, port: str, patience_s: float = PATIENCE_S) -> None:
        self.transport: Any = _connect(port, patience_s)
        try:
            self.run(_WATCHDOG)
            self.version, suffix, mpy, self.free_bytes, self.chip = self._said(_WHO)
        except LayoutError as error:
            self.close()
            raise LayoutError(f"{port}: {error}") from None
        wrong = too_old(self.version, suffix)
        if not wrong and mpy != MPY_VERSION:
            wrong = f"takes bytecode of version {mpy}, not {MPY_VERSION}"
        if wrong:
            self.close()
            version = ".".join(map(str, self.version))
            raise LayoutError(f"{port}: its MicroPython {version}{suffix} {wrong}; make flash first")

    @_answering()
    def run(self, code: str, silent_s: float = 10) -> str:
        """What `code` prints, silent for at most `silent_s`. Raises `LayoutError` with the end of its
        traceback."""
        printed, error = self.transport.exec_raw(code, silent_s)
        if error:
            raise LayoutError(error.decode().strip().splitlines()[-1])
        return str(printed.decode())

    def listen(self, code: str, silent_s: float) -> Iterator[str]:
        """Lines that are printed, as they come, until none does for so long: `code` may end in a reset or in
        sleep. After it the board is to be connected again."""
        with _answering():
            self.transport.exec_raw_no_follow(code)
            self.transport.serial.timeout = silent_s
            while line := self.transport.serial.readline():
                yield line.decode(errors="replace").strip()

    @_answering()
    def hash(self, path: str) -> bytes:
        """SHA-256 of a file; empty when there is none."""
        if not self.transport.fs_exists(path):
            return b""
        digest: bytes = self.transport.fs_hashfile(path, "sha256", CHUNK)
        return digest

    @_answering()
    def read(self, path: str) -> bytes:
        """A whole file; empty when there is none."""
        return bytes(self.transport.fs_readfile(path, CHUNK)) if self.transport.fs_exists(path) else b""

    @_answering()
    def write(self, path: str, data: bytes, progress: Progress | None = None) -> None:
        """A whole file, over what was there."""
        self.transport.fs_writefile(path, data, CHUNK, progress)

    @_answering()
    def remove(self, path: str) -> None:
        """A file, if it is there."""
        if self.transport.fs_exists(path):
            self.transport.fs_rmfile(path)

    @_answering()
    def make_folder(self, path: str) -> None:
        """Unless it is there."""
        if not self.transport.fs_exists(path):
            self.transport.fs_mkdir(path)

    def restart(self) -> None:
        """As after RESET."""
        try:
            self.transport.exec_raw_no_follow(RESET)
        except (TransportError, struct.error, OSError):  # it is gone already
            pass

    def close(self) -> None:
        """Give the port free."""
        _close(self.transport)

    def _said(self, code: str) -> Any:
        import ast

        return ast.literal_eval(self.run(code).strip())


def check_port(port: str) -> None:
    """Raises `LayoutError` for a port that does not exist, or that this user may not open."""
    if "://" not in port and not Path(port).exists():
        raise LayoutError(f"no such port {port}: is it a data cable? {ports_there()}")
    if "://" not in port and not os.access(port, os.R_OK | os.W_OK):
        raise LayoutError(NO_PERMISSION.format(port=port))


def ports_there() -> str:
    """The serial ports of this computer, in words."""
    there = ", ".join(sorted(each.device for each in list_ports.comports()))
    return f"there are {there}" if there else "there is no serial port at all"


def _close(transport: Any) -> None:
    with suppress(OSError):  # the port is gone with its cable
        transport.close()


def _connect(port: str, patience_s: float) -> Any:
    """The board, interrupted in what it does; tried again while it may sleep or start.

    Raises `LayoutError`: for a port that does not exist at once, since no RESET brings it.
    """
    check_port(port)
    deadline = time.monotonic() + patience_s
    while True:
        transport = None
        try:
            transport = SerialTransport(port, 115200, timeout=ANSWER_S)
            transport.serial.write_timeout = ANSWER_S
            with redirect_stdout(None):  # where there is no prompt, mpremote prints what it read
                transport.enter_raw_repl(soft_reset=True, timeout_overall=5)
            return transport
        except (TransportError, OSError) as error:
            if transport:
                _close(transport)
            if time.monotonic() > deadline:
                raise LayoutError(
                    f"{port}: no MicroPython answers ({str(error).strip() or 'silence'}): is it the right "
                    "port, and the console closed? A tracker that sleeps wakes when RESET is pressed"
                ) from None
            time.sleep(0.5)
