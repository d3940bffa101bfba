"""Files of `host_tests/device/` as tests on MicroPython, from source and compiled."""

import ast
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tools.flash.layout import FIRMWARE, REPOSITORY, VERIFY_ON_DEVICE, compile_module, modules

RUNNER = VERIFY_ON_DEVICE / "runner.py"
# "w" before the K: words, so that 96 K on a 64-bit host is like 96 K on the 32-bit device.
HEAP = "heapsize=96wK"
HEAP_OF_SOURCES = "heapsize=160wK"
"""To compile takes memory that the device, which runs .mpy, does not need."""
TIMEOUT_S = 600


@functools.cache
def compiled_firmware() -> Path:
    """The firmware as .mpy files, compiled once a session."""
    target = Path(tempfile.mkdtemp(prefix="landbridge-mpy-"))
    for source in modules(FIRMWARE):
        compile_module(source, target / source.relative_to(FIRMWARE))
    return target


@functools.cache
def interpreters() -> dict[str, str]:
    """Runtime -> MicroPython: that of the virtual environment and, if there, an older one."""
    found = {"micropython": str(Path(sys.executable).with_name("micropython"))}
    older = os.environ.get("MICROPYTHON_OLD") or shutil.which("micropython", path="/usr/bin")
    if older:
        found["micropython-old"] = older
    return found


@dataclass
class Leg:
    """One file of tests on one runtime; the process runs when its first result is asked for."""

    interpreter: str
    compiled: bool
    file: Path
    _records: dict[str, dict[str, Any]] | None = field(default=None, init=False)
    _output: str = field(default="", init=False)

    def failure(self, test: str) -> str | None:
        """What went wrong in `test`, as MicroPython reports it; None if it passed."""
        if self._records is None:
            self._run()
        record = (self._records or {}).get(test)
        if record is None:
            return f"no result of {test}:\n{self._output}"
        trace: str | None = record["trace"]
        return trace

    def _run(self) -> None:
        firmware = compiled_firmware() if self.compiled else FIRMWARE
        folders = (REPOSITORY, firmware, self.file.parent, ".frozen")
        try:
            heap = HEAP if self.compiled else HEAP_OF_SOURCES
            process = subprocess.run(
                [self.interpreter, "-X", heap, str(RUNNER), str(self.file)],
                env={**os.environ, "MICROPYPATH": ":".join(str(folder) for folder in folders)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,  # an uncaught traceback goes to either, by version
                timeout=TIMEOUT_S,
                check=False,
            )
            self._output = process.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            output = (late.stdout or b"").decode(errors="replace")
            self._output = f"{TIMEOUT_S} s were not enough\n{output}"
        lines = [line for line in self._output.splitlines() if line.startswith("@@")]
        self._records = {record["name"]: record for record in (json.loads(line[2:]) for line in lines)}


class DeviceTest(pytest.Item):
    """One test function on one runtime."""

    leg: Leg
    test: str

    def runtest(self) -> None:
        """Fail with MicroPython's own words."""
        failure = self.leg.failure(self.test)
        if failure:
            pytest.fail(failure, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """File and name, for the report."""
        return self.path, None, self.name


class DeviceFile(pytest.File):
    """The legs of one file."""

    def collect(self) -> Iterator[DeviceTest]:
        """One item a runtime and function; the file is parsed, not imported."""
        body = ast.parse(self.path.read_text()).body
        names = [node.name for node in body if isinstance(node, ast.FunctionDef)]
        tests = [name for name in names if name.startswith("test_")]
        for runtime, interpreter in interpreters().items():
            for compiled in (False, True):
                leg = Leg(interpreter, compiled, self.path)
                for test in tests:
                    suffix = "-mpy" if compiled else ""
                    name = f"{runtime}{suffix}::{test}"
                    item: DeviceTest = DeviceTest.from_parent(self, name=name)
                    item.leg, item.test = leg, test
                    item.add_marker(pytest.mark.micropython)
                    yield item
