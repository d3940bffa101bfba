"""The real agent, killed by itself at one statement of ingest; its disk is full as long as a file says so.

`python -m tools.verify.kill.agent [--statement N] [--full FILE]`
"""

import argparse
import itertools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landbridge import app as service
from landbridge import config_file
from landbridge.db import bulk
from sqlalchemy import Connection, Engine, event

from tools.world.services.agent import end_with_parent

_NO_LIMIT = 2**31 - 2


def die_at(statement: int) -> None:
    """SIGKILL before the statement of that number, from 1, of the ingest thread; a commit is one too."""
    counter = itertools.count(1)

    def count(*_: Any) -> None:
        if threading.current_thread().name == "ingest" and next(counter) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    for name in ("insert", "update"):  # rows that go past SQLAlchemy
        setattr(bulk, name, _counted(getattr(bulk, name), count))


def _counted(write: Callable[..., None], count: Callable[[], None]) -> Callable[..., None]:
    def counted(connection: Connection, *given: Any) -> None:
        count()
        write(connection, *given)

    return counted


def fill(file: Path) -> None:
    """As long as `file` is there, SQLite finds no more room than the database has."""

    def limit(connection: Connection) -> None:
        cursor = connection.connection.cursor()
        (pages,) = cursor.execute("PRAGMA page_count").fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages if file.exists() else _NO_LIMIT}")

    event.listen(Engine, "begin", limit)


def main() -> None:
    """The command line; it ends with its standard input."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.kill.agent")
    parser.add_argument("--statement", type=int, default=0)
    parser.add_argument("--full", type=Path)
    arguments = parser.parse_args()
    if arguments.statement:
        die_at(arguments.statement)
    if arguments.full:
        fill(arguments.full)
    threading.Thread(target=end_with_parent, daemon=True).start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    service.run(config_file.load(), stop)


if __name__ == "__main__":
    main()
