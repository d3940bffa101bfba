"""The processes of the check: the broker, the real agent, the receivers; and the clock that they read."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from landbridge.core.clock import CLOCK_FILE_VARIABLE, EPOCH

from tools.verify.harness.mosquitto import Mosquitto
from tools.verify.harness.ports import free_port
from tools.verify.notify.sinks import FILE

_TICK_S = 0.02


class WorldClock:
    """The clock of all processes, in a file: it runs as a clock does, and can jump ahead."""

    def __init__(self, file: Path, begin_s: int) -> None:
        self.file = file
        self._ahead_s = begin_s - time.monotonic()
        file.write_bytes(bytes(8))
        self._target = os.open(file, os.O_WRONLY)
        self._stopping = threading.Event()
        self._write()
        threading.Thread(target=self._run, daemon=True).start()

    def now_s(self) -> int:
        """The time in epoch seconds."""
        return int(time.monotonic() + self._ahead_s)

    def jump(self, at_s: int) -> None:
        """Go to that time, unless it is past."""
        self._ahead_s = max(self._ahead_s, at_s - time.monotonic())
        self._write()

    def stop(self) -> None:
        """Suspend it."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(_TICK_S):
            self._write()

    def _write(self) -> None:
        unix_s = EPOCH.timestamp() + time.monotonic() + self._ahead_s
        os.pwrite(self._target, struct.pack("<Q", int(unix_s * 1e6)), 0)


class Processes:
    """The broker, the agent and the receivers, each killed with SIGKILL and started again."""

    def __init__(self, folder: Path, clock: WorldClock) -> None:
        self._folder = folder
        self._broker = Mosquitto(folder, {}, tls=False)
        self.ports = {"smtp": free_port(), "http": free_port()}
        self._environment = os.environ | {
            CLOCK_FILE_VARIABLE: str(clock.file),
            "LANDBRIDGE_CONFIG": str(folder / "landbridge.toml"),
        }
        (folder / "landbridge.toml").write_text(
            f'[broker]\nhost = "127.0.0.1"\nport = {self._broker.port}\ntls = false\n'
            f'[store]\ndatabase = "{folder / "landbridge.sqlite3"}"\n'
            f'[mail]\nhost = "127.0.0.1"\nport = {self.ports["smtp"]}\ntls = false\n'
            'sender = "agent@landbridge.example"\n[web]\nurl = "https://pages.example"\n'
        )
        (folder / "landbridge.toml").chmod(0o600)
        ports = [str(each) for each in self.ports.values()]
        self._commands = {
            "agent": ["tools.verify.kill.agent"],
            "sinks": ["tools.verify.notify.sinks", str(folder), *ports],
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._timers: list[threading.Timer] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._broker.start()
        for name in self._commands:
            self._start(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.join()
        for name in self._commands:
            self._kill(name)
        self._broker.kill()

    def restart(self, name: str, away_s: float) -> None:
        """Kill a process; it is back after so long."""
        self._kill(name)
        timer = threading.Timer(away_s, self._start, (name,))
        timer.start()
        self._timers.append(timer)

    def received(self) -> list[dict[str, Any]]:
        """Return all that the receivers accepted, in order; a line that was cut off was never accepted."""
        file = self._folder / FILE
        if not file.exists():
            return []
        found = []
        for line in file.read_text().split("\n"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def _start(self, name: str) -> None:
        with self._lock:
            if name in self._running:
                return
            with (self._folder / f"{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    [sys.executable, "-m", *self._commands[name]],
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                )

    def _kill(self, name: str) -> None:
        with self._lock:
            process = self._running.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdin
            process.stdin.close()
