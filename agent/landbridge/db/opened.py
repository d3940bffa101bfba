"""Opens configuration, database, keys and clock for a command."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from landbridge import config, config_file
from landbridge.core.clock import Clock
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring

LARGEST = 2**31 - 1
"""Largest number that a command accepts: what fits on a device; a database holds larger ones."""


class Opened(NamedTuple):
    """Configuration, database, keys and clock."""

    config: config.Config
    database: Database
    keyring: Keyring
    clock: Clock


@contextmanager
def opened(make: bool = False) -> Iterator[Opened]:
    """Open what the configuration names, and close it at the end; a missing database is created only with
    `make`."""
    settings, clock = config_file.load(), Clock()
    database = open_database(settings.store.database, make)
    database.who = command_user()
    try:
        keyring = Keyring(settings.store.database, settings.store.key_file)
        yield Opened(settings, database, keyring, clock)
    finally:
        database.close()


def command_user() -> str:
    """Return the user of this machine who runs the command, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
