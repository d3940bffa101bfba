"""The real `landbridge run` in a process that ends with its parent and can be killed at chosen points. What
it does with servers of profiles it does when a device speaks: no real second counts in virtual time.

`python -m tools.world.services.agent [--trap DIR]`
"""

import argparse
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from landbridge import app as service
from landbridge.cli import app
from landbridge.features.downloads.worker import Downloads
from landbridge.ingest.pipeline import Answer, Pipeline
from landbridge.ingest.session import Received

from tools.world.services.chaos import (
    AFTER_RECEIVE,
    BEFORE_MQTT_ACK,
    BEFORE_REPLY,
    FLUSH_S,
    IN_TRANSACTION,
    Trap,
)


class StepwiseDownloads(Downloads):
    """Takes a turn on request: how often it looks in real time would be another trip each time."""

    running: list[Downloads] = []

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.running.append(self)

    def run(self) -> None:
        """Wait for the end."""
        self._stopping.wait()


class FrailPipeline(Pipeline):
    """The agent's pipeline with the four places where it can be killed."""

    def __init__(self, *parts: Any, trap: Trap) -> None:
        super().__init__(*parts)
        self._trap = trap

    def process_all(self, batch: Sequence[Received]) -> None:
        """Not before the servers have answered what went to them since the device spoke last."""
        for downloads in StepwiseDownloads.running:
            downloads.turn()
            downloads.finish()
        super().process_all(batch)

    def process(self, wave: Sequence[Received]) -> list[Answer | None]:
        """Dies after the message was received."""
        self._die(AFTER_RECEIVE)
        return super().process(wave)

    def answer(self, *messages: Any) -> list[Answer | None]:
        """Dies when everything is written and nothing is committed."""
        answers = super().answer(*messages)
        if any(answers):
            self._die(IN_TRANSACTION)
        return answers

    def acknowledge(self, received: Received) -> None:
        """Dies when everything is committed and the broker does not know."""
        self._die(BEFORE_MQTT_ACK)
        super().acknowledge(received)

    def reply(self, answer: Answer) -> None:
        """Dies when the broker has its acknowledgement and the device has none."""
        if self._trap.armed(BEFORE_REPLY):
            time.sleep(FLUSH_S)
            self._trap.spring()
        super().reply(answer)

    def _die(self, point: str) -> None:
        if self._trap.armed(point):
            self._trap.spring()


def end_with_parent() -> None:
    """Ask this process to end when standard input does."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.world.services.agent")
    parser.add_argument("--trap", type=Path, help="folder in which chaos arms its traps")
    trap = Trap(parser.parse_args().trap)
    threading.Thread(target=end_with_parent, daemon=True).start()
    pipeline = functools.partial(FrailPipeline, trap=trap)
    service.run = functools.partial(service.run, make_pipeline=pipeline)
    vars(service)["Downloads"] = StepwiseDownloads
    app(["run"])


if __name__ == "__main__":
    main()
