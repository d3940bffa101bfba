"""The simulated modem as a program of its own."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tools.flash.layout import REPOSITORY

PATIENCE_S = 60


@contextmanager
def running(*options: str) -> Iterator[str]:
    """The program; what it says where to connect."""
    command = [sys.executable, "-m", "tools.modem", *options]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def speak(line: int, command: bytes, wanted: bytes) -> bytes:
    """Repeat a command each half second until `wanted` comes: the modem may still boot."""
    got, deadline = b"", time.monotonic() + PATIENCE_S
    while wanted not in got:
        assert time.monotonic() < deadline, got
        os.write(line, command)
        end = time.monotonic() + 0.5
        while wanted not in got and select.select([line], [], [], max(0.0, end - time.monotonic()))[0]:
            got += os.read(line, 4096)
    return got
