"""The whole agent, timed: `python -m tools.verify.benchmarks.agent.timed COUNT` runs what `landbridge run`
runs until COUNT messages are stored and answered, and all that follows of them is published; prints figures
as JSON."""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from landbridge import app as service
from landbridge import config_file
from landbridge.core import logs
from landbridge.db.database import open_database
from landbridge.events.queries import outbox
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.session import Received
from landbridge.tracking import queries as tracking

_POLL_S = 0.2


class Timed(Pipeline):
    """Knows when it began, and when it had taken `count` messages."""

    count: int
    done: threading.Event
    taken = 0
    since = cpu_since = 0.0
    stored = cpu_stored = 0.0

    def process_all(self, batch: Sequence[Received]) -> None:
        Timed.since = Timed.since or time.perf_counter()
        Timed.cpu_since = Timed.cpu_since or time.process_time()
        super().process_all(batch)
        Timed.taken += len(batch)
        if Timed.taken >= Timed.count and not Timed.stored:
            Timed.stored, Timed.cpu_stored = time.perf_counter(), time.process_time()
            Timed.done.set()


def main() -> None:
    """The command line."""
    began = time.perf_counter()
    Timed.count, Timed.done, stop = int(sys.argv[1]), threading.Event(), threading.Event()
    logs.begin(as_json=False)
    loaded = config_file.load()
    agent = threading.Thread(target=service.run, args=(loaded, stop, Timed))
    agent.start()
    Timed.done.wait()
    database = open_database(loaded.store.database)
    while not _is_published(database):
        time.sleep(_POLL_S)
    published = time.perf_counter()
    stop.set()
    agent.join()
    found = {
        "seconds": Timed.stored - Timed.since,
        "cpu_s": Timed.cpu_stored - Timed.cpu_since,
        "started_s": Timed.since - began,
        "told_s": published - Timed.since,
        "most_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(found), flush=True)


def _is_published(database: Any) -> bool:
    with database.reading() as connection:
        return not outbox.head(connection, 1) and tracking.next_marked(connection) is None


if __name__ == "__main__":
    main()
