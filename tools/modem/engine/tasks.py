"""Tasks inside a powered modem, which all end when its power does."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

Work = Generator[simpy.Event, Any, None]


class Tasks:
    """A set of SimPy processes that can be stopped together."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._running: set[simpy.Process] = set()

    def start(self, work: Work) -> None:
        """Let `work` run until it ends or is stopped."""
        process: simpy.Process = self._env.process(self._guarded(work))
        self._running.add(process)

    def stop(self) -> None:
        """Stop all but the process that calls, which ends by itself."""
        running, self._running = self._running, set()
        for process in running:
            if process is not self._env.active_process and process.is_alive:
                process.interrupt()

    def _guarded(self, work: Work) -> Work:
        try:
            yield from work
        except simpy.Interrupt:
            pass
        self._running.discard(self._env.active_process)
