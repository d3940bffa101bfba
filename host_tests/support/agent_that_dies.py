"""The real agent in a process that kills itself, as at a power cut, when it comes to one step.

`python -m host_tests.support.agent_that_dies [STEP]`
"""

import os
import signal
import sys
import threading
import time
from typing import Any

from landbridge import app as service
from landbridge import config_file
from landbridge.ingest.pipeline import Answer, Pipeline
from landbridge.ingest.session import Received
from landbridge.ingest.storing import Opened

AFTER_RECEIVE = "after receive"
IN_TRANSACTION = "inside the transaction"
BEFORE_ACK = "after commit, before the MQTT ack"
BEFORE_REPLY = "after the MQTT ack, before the reply"
AFTER_REPLY = "after the reply"
STEPS = (AFTER_RECEIVE, IN_TRANSACTION, BEFORE_ACK, BEFORE_REPLY, AFTER_REPLY)
_FLUSH_S = 0.2


class Frail(Pipeline):
    """Dies at the given step."""

    def open(self, received: Received) -> Opened:
        _die(AFTER_RECEIVE)
        return super().open(received)

    def answer(self, *given: Any) -> list[Answer | None]:
        answers = super().answer(*given)
        if any(answers):
            _die(IN_TRANSACTION)
        return answers

    def acknowledge(self, received: Received) -> None:
        _die(BEFORE_ACK)
        super().acknowledge(received)

    def reply(self, answer: Answer) -> None:
        _die(BEFORE_REPLY)
        super().reply(answer)
        _die(AFTER_REPLY)


def _die(step: str) -> None:
    if step == sys.argv[1]:
        # What was handed to the network before this step is to leave.
        time.sleep(_FLUSH_S)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    service.run(config_file.load(), threading.Event(), Frail)
