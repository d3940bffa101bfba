"""The agent's parts that every request uses: database, clock, configuration."""

import asyncio
import threading
from dataclasses import dataclass, field

from fastapi import Request

from landbridge.config import Config
from landbridge.core.clock import Clock
from landbridge.core.rate_limit import Buckets
from landbridge.db.database import Database
from landbridge.db.keys import Keyring
from landbridge.web.concurrency import Places, Turns
from landbridge.web.uses import Uses

STREAMS = 20
"""Live feeds of one token at once: tabs of browsers."""
_HASHES, _WAITING = 2, 16
"""Passwords checked at a time, 64 MiB each; attempts that wait."""


@dataclass(frozen=True)
class Services:
    """The agent's parts that requests use; `stop` is set when it ends."""

    config: Config
    database: Database
    clock: Clock
    stop: threading.Event
    uses: Uses
    guesses: Buckets = field(default_factory=Buckets)
    """Attempts to sign in, of each name and of each user's second factor, from all addresses."""
    streams: Places = field(default_factory=lambda: Places(STREAMS))
    """Live feeds, by token."""
    hashing: Turns = field(default_factory=lambda: Turns(_HASHES, _WAITING))
    """Taken while a password is checked."""
    exports: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a piece of an export is made."""

    @property
    def keyring(self) -> Keyring:
        """The key that wraps secrets at rest."""
        return Keyring(self.config.store.database, self.config.store.key_file)


def services(request: Request) -> Services:
    """Return the parts with which the application was made."""
    found: Services = request.app.state.services
    return found
