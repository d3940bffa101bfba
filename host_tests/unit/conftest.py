"""Fixtures of tests without other processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from host_tests.support.fleet import Fleet
from host_tests.support.mail import MailServer
from host_tests.support.notifications import Dispatch


@pytest.fixture
def dispatch(fleet: Fleet) -> Iterator[Dispatch]:
    """Notifications to a mail server that the test reads."""
    server = MailServer()
    yield Dispatch(fleet, server)
    server.shutdown()
    server.server_close()
