"""The simulated modem as a program of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tools.flash.layout import REPOSITORY


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
