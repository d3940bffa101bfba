"""Processes that get a part of a core each, as on slower machines of their own: how work is shared shows on a
machine with few cores only where those who share it do not need all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

_LOOK_S = 0.002
_CREDIT_S = 0.01
"""Of what was not used so much can be made up for."""
_SCHEDULED = 2
"""CPUCLOCK_SCHED of Linux: what all threads of a process have run."""


class Rationed:
    """While it is open, each of the processes runs for `cores` seconds a second at most: it is stopped when
    it has had more."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]], cores: float) -> None:
        self._pids = [each.pid for each in processes]
        self._cores = cores
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rations", daemon=True)

    def __enter__(self) -> Rationed:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        before_s, stopped = time.monotonic(), set[int]()
        try:
            due_s = {pid: ran_s(pid) for pid in self._pids}
            while not self._over.wait(_LOOK_S):
                now_s = time.monotonic()
                more_s, before_s = self._cores * (now_s - before_s), now_s
                for pid in self._pids:
                    had_s = ran_s(pid)
                    due_s[pid] = min(due_s[pid] + more_s, had_s + _CREDIT_S)
                    if had_s > due_s[pid] and pid not in stopped:
                        os.kill(pid, signal.SIGSTOP)
                        stopped.add(pid)
                    elif had_s <= due_s[pid] and pid in stopped:
                        os.kill(pid, signal.SIGCONT)
                        stopped.discard(pid)
        except OSError:  # one of them has ended: whoever waits for its work finds out
            pass
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def ran_s(pid: int) -> float:
    """Processor time of a process so far."""
    return time.clock_gettime(~pid << 3 | _SCHEDULED)
