"""What every request works with: database, clock, settings."""

import threading
from dataclasses import dataclass

from fastapi import Request

from landbridge.clock import Clock
from landbridge.config import Config
from landbridge.store.database import Database


@dataclass(frozen=True)
class Here:
    """The agent's parts that requests use; `stop` is set when it ends."""

    config: Config
    database: Database
    clock: Clock
    stop: threading.Event


def here(request: Request) -> Here:
    """The parts as the application was made with."""
    found: Here = request.app.state.here
    return found
