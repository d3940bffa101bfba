"""What every request works with: database, clock, settings."""

import asyncio
import threading
from dataclasses import dataclass, field

from fastapi import Request

from landbridge.config import Config
from landbridge.core.clock import Clock
from landbridge.core.rate_limit import Buckets
from landbridge.db.database import Database
from landbridge.web.concurrency import Places, Turns

STREAMS = 20
"""That one token has at once: tabs of browsers."""
_HASHES, _WAITING = 2, 16
"""Passwords that are checked at a time, each of which takes 64 MiB; attempts that wait for it."""


@dataclass(frozen=True)
class Services:
    """The agent's parts that requests use; `stop` is set when it ends."""

    config: Config
    database: Database
    clock: Clock
    stop: threading.Event
    guesses: Buckets = field(default_factory=Buckets)
    """Attempts to sign in by name, from wherever they come."""
    streams: Places = field(default_factory=lambda: Places(STREAMS))
    """Live feeds, by token."""
    hashing: Turns = field(default_factory=lambda: Turns(_HASHES, _WAITING))
    """Taken while a password is checked."""
    exports: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a piece of an export is made."""


def services(request: Request) -> Services:
    """The parts as the application was made with."""
    found: Services = request.app.state.services
    return found
