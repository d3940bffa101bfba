"""A PostgreSQL server for tests, one a process; `import` the fixture `postgres`."""

import atexit
from functools import cache

import pytest
from landbridge.db.database import open_database

from tools.campaign.postgres import Postgres, binaries


@pytest.fixture(scope="session")
def server() -> Postgres:
    """A server that runs, with a template of a database."""
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    return _running()


@cache
def _running() -> Postgres:
    """The one of this process, whichever modules ask for it."""
    server = Postgres()
    atexit.register(server.close)
    server.start()
    open_database(server.url).close()
    server.keep_as_template()
    return server


@pytest.fixture
def postgres(server: Postgres) -> str:
    """What [store] database takes: a database with all tables, nothing in them."""
    server.renew()
    return server.url
