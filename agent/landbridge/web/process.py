"""The pages run in a process of their own, so that they do not use the descriptors, memory and time of
ingest. `python -m landbridge.pages` is that process. It gets its configuration and the number of its
listening descriptor over standard input, and ends with it."""

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from landbridge.config import Config
from landbridge.core import logs
from landbridge.core.checks import Since
from landbridge.core.clock import Clock
from landbridge.core.periodic import Periodic
from landbridge.db.database import open_database
from landbridge.web.listen import listening

COMMAND = (sys.executable, "-m", "landbridge.pages")
_POLL_S = 0.25
PAUSE_S = 5.0
PATIENCE_S = 10.0
ORPHAN_S = 5.0
"""Seconds, less than the next agent waits for the port (listen.py)."""
_NICE = 10
"""Ingest has priority when there is not enough processor time for both."""
_log = logging.getLogger(__name__)


class Keeper(Periodic):
    """Runs the process, and restarts it when it has ended."""

    def __init__(self, config: Config, listener: socket.socket) -> None:
        super().__init__("pages", "watch the process of the pages", PAUSE_S, first_s=0)
        self._config, self._listener = config, listener
        self._away = Since()

    def turn(self) -> None:
        """Run it until it ends, or must end."""
        try:
            why = self._ended(self.launch())
        except OSError as error:
            why = f"cannot be started: {error}"
        if not self.is_stopping:
            self._away.begins()
            _log.error("the pages %s; starting them again in %.0f s", why, PAUSE_S)

    def problem(self) -> str | None:
        """Return what is wrong: it does not stay up."""
        seconds = self._away.seconds
        return f"the pages have been away for {seconds:.0f} s: the log says why" if seconds else None

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process, and hand it its configuration and the port."""
        descriptor = self._listener.fileno()
        process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, pass_fds=(descriptor,))
        assert process.stdin
        try:
            pickle.dump((self._config, descriptor), process.stdin)
            process.stdin.flush()
        except BrokenPipeError:
            pass  # its result is read below
        return process

    def _ended(self, process: subprocess.Popen[bytes]) -> str:
        """Wait for its end; return how it ended."""
        lived_s = 0.0
        while not self.is_stopping:
            try:
                return f"have ended with {process.wait(_POLL_S)}"
            except subprocess.TimeoutExpired:
                lived_s += _POLL_S
                if lived_s > PATIENCE_S:
                    self._away.ends()
        assert process.stdin
        process.stdin.close()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return "were ended"


@contextmanager
def kept(config: Config) -> Iterator[Keeper]:
    """Serve the pages in the context; `UserError` when their port is not available."""
    with listening(config.web) as listener:
        keeper = Keeper(config, listener)
        keeper.start()
        try:
            yield keeper
        finally:
            keeper.stop()


def main() -> int:
    """Run the process."""
    # The parent process ends it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    config, descriptor = pickle.load(sys.stdin.buffer)
    logs.begin(config.watch.json_log)
    from landbridge.web import server

    os.nice(_NICE)  # of this thread, and of those that it starts
    stop = threading.Event()
    threading.Thread(target=end_with_parent, args=(stop,), daemon=True).start()
    with (
        closing(open_database(config.store.database, make=False)) as database,
        socket.socket(fileno=descriptor) as listener,
        server.serving_on(listener, config, database, Clock(), stop) as thread,
    ):
        while thread.is_alive() and not stop.wait(_POLL_S):
            pass
        return 0 if stop.is_set() else 1


def end_with_parent(stop: threading.Event) -> None:
    """End in order or, if that takes too long, at once: the next agent needs the port."""
    sys.stdin.buffer.read()
    stop.set()
    time.sleep(ORPHAN_S)
    os._exit(1)
