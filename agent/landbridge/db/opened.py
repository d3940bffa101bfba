"""What a command works on: settings, database, keys and clock, opened together."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from landbridge import config
from landbridge.core.clock import Clock
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring

LARGEST = 2**31 - 1
"""Of the numbers a command takes: what a device can hold; a database holds more."""


class Opened(NamedTuple):
    """Settings and database."""

    config: config.Config
    database: Database
    keyring: Keyring
    clock: Clock


@contextmanager
def opened(make: bool = False) -> Iterator[Opened]:
    """Open what the settings name, closed at the end; a database that is missing only if to `make`."""
    settings, clock = config.load(), Clock()
    database = open_database(settings.store.database, make)
    try:
        keyring = Keyring(settings.store.database, settings.store.key_file)
        yield Opened(settings, database, keyring, clock)
    finally:
        database.close()


def command_user() -> str:
    """Who gives the command: the user of this machine, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
